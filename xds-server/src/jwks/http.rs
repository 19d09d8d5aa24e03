//! Getting a document from an issuer, who may be slow, broken or somebody else.

use std::{fs, path::Path, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{
        HeaderMap, Request, Response, StatusCode, Uri,
        header::{ACCEPT, CACHE_CONTROL, LOCATION},
    },
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::time::timeout;

use crate::cause;

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// How long all of it may take, redirects included.
const WITHIN: Duration = Duration::from_secs(10);

/// Largest document, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Most redirects that are followed.
const MAX_REDIRECTS: usize = 3;

/// Gets documents.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    /// Why nobody can be trusted, if so.
    distrust: Option<String>,
}

/// A document, and what its server says of how long it holds.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) body: Bytes,
    pub(super) cache_control: String,
}

/// Why there is no document. Shows nothing of what was answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("no whole answer within {} s", WITHIN.as_secs())]
    TimedOut,
    #[error("cannot be asked: {0}")]
    Unreachable(String),
    #[error("answered {0} instead of 200")]
    Status(u16),
    #[error("redirects {0}")]
    Redirect(&'static str),
    #[error("the answer broke off or is larger than {MAX_BYTES} bytes")]
    Unreadable,
}

impl Http {
    /// A client that trusts the authorities in a PEM file. Without them it gets documents by clear text only.
    ///
    /// # Errors
    /// When there is no TLS at all.
    pub(super) fn new(trusted_ca: &Path) -> Result<Self, rustls::Error> {
        let (roots, distrust) = match authorities(trusted_ca) {
            Ok(roots) => (roots, None),
            Err(error) => (RootCertStore::empty(), Some(format!("{} {error}", trusted_ca.display()))),
        };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        // Minutes lie between two questions.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { client, distrust })
    }

    /// What a URL has.
    pub(super) async fn get(&self, url: &str) -> Result<Document, HttpError> {
        timeout(WITHIN, self.follow(url)).await.map_err(|_| HttpError::TimedOut)?
    }

    async fn follow(&self, url: &str) -> Result<Document, HttpError> {
        let mut uri: Uri = url.parse().map_err(|_| HttpError::Unreachable("it is no URL".to_owned()))?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(&uri).await?;
            match response.status() {
                StatusCode::OK => return read(response).await,
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => uri = next(&uri, response.headers())?,
                status => return Err(HttpError::Status(status.as_u16())),
            }
        }
        Err(HttpError::Redirect("more than 3 times"))
    }

    async fn ask(&self, uri: &Uri) -> Result<Response<Body>, HttpError> {
        if let Some(reason) = self.distrust.as_ref().filter(|_| uri.scheme_str() == Some("https")) {
            return Err(HttpError::Unreachable(format!("no authority to trust: {reason}")));
        }
        let request = Request::get(uri.clone()).header(ACCEPT, "application/json").body(Body::empty());
        let request = request.map_err(|_| HttpError::Unreachable("it is no URL".to_owned()))?;
        let response = self.client.request(request).await;
        response
            .map(|response| response.map(Body::new))
            .map_err(|error| HttpError::Unreachable(cause::innermost(&error)))
    }
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let pem = fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    let mut roots = RootCertStore::empty();
    // A bundle may hold one that cannot be parsed, and the others are good all the same.
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    if roots.is_empty() { Err("holds no certificate in PEM form".to_owned()) } else { Ok(roots) }
}

/// Where a redirect leads: to https only, so that nobody on the way can name another place.
fn next(from: &Uri, headers: &HeaderMap) -> Result<Uri, HttpError> {
    let nowhere = HttpError::Redirect("without a Location that is a URL or a path");
    let Some(location) = headers.get(LOCATION).and_then(|location| location.to_str().ok()) else {
        return Err(nowhere);
    };
    let Ok(uri) = location.parse::<Uri>() else { return Err(nowhere) };
    let scheme = uri.scheme_str().or(from.scheme_str());
    if scheme != Some("https") {
        return Err(HttpError::Redirect("to something else than https"));
    }
    if uri.authority().is_some() {
        return Ok(uri);
    }
    let mut parts = from.clone().into_parts();
    parts.path_and_query = uri.into_parts().path_and_query;
    Uri::from_parts(parts).map_err(|_| nowhere)
}

async fn read(response: Response<Body>) -> Result<Document, HttpError> {
    let lines = response.headers().get_all(CACHE_CONTROL).iter();
    let cache_control: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
    let cache_control = cache_control.join(",");
    let body = to_bytes(response.into_body(), MAX_BYTES).await.map_err(|_| HttpError::Unreadable)?;
    Ok(Document { body, cache_control })
}

#[cfg(test)]
mod tests {
    use axum::{Router, response::IntoResponse};
    use tokio::net::TcpListener;

    use super::*;

    /// What is made of this answer, by a client that trusts nobody.
    async fn got(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> Result<Document, HttpError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let router = Router::new().fallback(async move || answer.into_response());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let result = Http::new(Path::new("/nowhere")).unwrap().get(&url).await;
        server.abort();
        result
    }

    #[tokio::test]
    async fn a_document_comes_with_how_long_it_holds() {
        let document = got(([(CACHE_CONTROL, "max-age=5")], "{}")).await.unwrap();
        assert_eq!((&document.body[..], document.cache_control.as_str()), (&b"{}"[..], "max-age=5"));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_refused_with_the_reason() {
        assert!(matches!(got(StatusCode::NOT_FOUND).await, Err(HttpError::Status(404))));
        assert!(matches!(got(" ".repeat(MAX_BYTES + 1)).await, Err(HttpError::Unreadable)));
        assert!(got(" ".repeat(MAX_BYTES)).await.is_ok());
    }

    #[tokio::test]
    async fn a_redirect_leads_to_https_only() {
        let to = |location: &'static str| (StatusCode::FOUND, [(LOCATION, location)]);
        for location in ["http://127.0.0.1:1/", "/other", "ftp://127.0.0.1/"] {
            assert!(matches!(
                got(to(location)).await,
                Err(HttpError::Redirect("to something else than https"))
            ));
        }
        assert!(matches!(got(StatusCode::FOUND).await, Err(HttpError::Redirect(_))));
        // It is followed, and then there is nobody to trust.
        let reason = got(to("https://127.0.0.1:1/")).await.unwrap_err().to_string();
        assert!(reason.contains("no authority to trust: /nowhere cannot be read"), "{reason}");
    }

    #[test]
    fn a_redirect_may_be_a_path() {
        let next = |location: &str| {
            let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
            next(&"https://id.test/keys?a=b".parse().unwrap(), &headers).map(|uri| uri.to_string()).ok()
        };
        assert_eq!(next("/other?c").as_deref(), Some("https://id.test/other?c"));
        assert_eq!(next("https://other.test/").as_deref(), Some("https://other.test/"));
        assert_eq!(next("http://id.test/"), None);
    }
}
