//! limitador as a rate limit service of Envoy.
//!
//! limitador's own server is no crate, so this is the least that does what it does for a question: the descriptors of the request as
//! `descriptors`, one call of the library, an answer without headers. It has no metrics and no traces, which its server has.

use std::{collections::HashMap, error::Error, net::SocketAddr, process::ExitCode};

use clap::{Parser, ValueEnum};
use envoy_types::pb::envoy::service::ratelimit::v3::{
    RateLimitRequest, RateLimitResponse,
    rate_limit_response::Code,
    rate_limit_service_server::{RateLimitService, RateLimitServiceServer},
};
use limitador::{
    AsyncRateLimiter,
    limit::{Context, Limit},
    storage::redis::{AsyncRedisStorage, CachedRedisStorage},
};
use tonic::{Request, Response, Status, transport::Server};

/// Whose requests are counted together.
const CLIENT: &str = "descriptors[0].remote_address";

#[derive(Debug, Parser)]
struct Options {
    /// Address to listen on
    #[arg(long, env = "LIMITADOR_LISTEN")]
    listen: SocketAddr,
    /// URL of Redis
    #[arg(long, env = "LIMITADOR_REDIS_URL", hide_env_values = true)]
    redis_url: String,
    #[arg(long, env = "LIMITADOR_STORAGE")]
    storage: Storage,
}

/// Both with the library's own settings.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Storage {
    /// Asks Redis for each request.
    Exact,
    /// Counts in memory and tells Redis now and then.
    Cached,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("limitador: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let url = &options.redis_url;
    let limiter = AsyncRateLimiter::new_with_storage(match options.storage {
        Storage::Exact => Box::new(AsyncRedisStorage::new(url).await?),
        Storage::Cached => Box::new(CachedRedisStorage::new(url).await?),
    });
    for (domain, limits) in [
        ("allowed", &[(1_000_000_000, 3600)][..]),
        ("two", &[(1_000_000_000, 3600), (1_000_000_000, 60)]),
        ("denied", &[(1, 2_678_400)]),
    ] {
        for (most, seconds) in limits {
            limiter.add_limit(Limit::new(domain, *most, *seconds, [], [CLIENT.try_into()?]));
        }
    }
    let service = RateLimitServiceServer::new(Limitador(limiter));
    Ok(Server::builder().add_service(service).serve(options.listen).await?)
}

struct Limitador(AsyncRateLimiter);

#[tonic::async_trait]
impl RateLimitService for Limitador {
    async fn should_rate_limit(
        &self,
        request: Request<RateLimitRequest>,
    ) -> Result<Response<RateLimitResponse>, Status> {
        let RateLimitRequest { domain, descriptors, hits_addend } = request.into_inner();
        let entries =
            |descriptor: envoy_types::pb::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor| {
                descriptor
                    .entries
                    .into_iter()
                    .map(|entry| (entry.key, entry.value))
                    .collect::<HashMap<_, _>>()
            };
        let mut context = Context::default();
        context.list_binding("descriptors".to_owned(), descriptors.into_iter().map(entries).collect());
        let hits = u64::from(hits_addend.max(1));
        let checked = self.0.check_rate_limited_and_update(&domain.into(), &context, hits).await;
        let checked = checked.map_err(|error| Status::unavailable(error.to_string()))?;
        let code = if checked.limited { Code::OverLimit } else { Code::Ok };
        Ok(Response::new(RateLimitResponse { overall_code: code.into(), ..RateLimitResponse::default() }))
    }
}
