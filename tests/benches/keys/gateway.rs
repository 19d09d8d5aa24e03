//! An Envoy with the auth filter alone, whose configuration is read from a file.

use std::{fs, path::PathBuf, time::Duration};

use envoy_types::pb::{
    envoy::{
        config::core::v3::{
            AsyncDataSource, DataSource, TypedExtensionConfig, async_data_source, data_source::Specifier,
        },
        extensions::{
            filters::http::wasm::v3::Wasm,
            wasm::v3::{FailurePolicy, PluginConfig, VmConfig, plugin_config::Vm},
        },
        service::discovery::v3::DiscoveryResponse,
    },
    google::protobuf::{Any, StringValue},
};
use ferrox_testbed::{binaries, envoy::Envoy, ports::Port};
use futures::{StreamExt, TryStreamExt, stream};
use prost::{Message, Name};
use tempfile::TempDir;

use crate::{
    Failure,
    form::{self, Form},
};

/// Requests at once.
const AT_ONCE: usize = 16;

pub(crate) struct Gateway {
    envoy: Envoy,
    folder: TempDir,
    listener: Port,
    client: reqwest::Client,
    form: Form,
    keys: u32,
    name: u16,
    bytes: usize,
}

impl Gateway {
    /// With so many keys; it has taken them in.
    pub(crate) async fn start(form: Form, keys: u32, name: u16) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let bytes = write(&folder, form, keys, name)?;
        let (admin, listener) = (Port::free()?, Port::free()?);
        let text = bootstrap(&admin, &listener, &resources(&folder));
        let envoy = Envoy::start_from(folder.path(), "keys", admin, &text).await?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let this = Self { envoy, folder, listener, client, form, keys, name, bytes };
        this.wait_for(keys - 1).await?;
        Ok(this)
    }

    /// Bytes of the filter's configuration.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a key, and returns when it is good.
    pub(crate) async fn add_key(&mut self) -> Result<(), Failure> {
        self.bytes = write(&self.folder, self.form, self.keys + 1, self.name)?;
        self.wait_for(self.keys).await?;
        self.keys += 1;
        Ok(())
    }

    /// How long the VM that did so last took in its configuration.
    pub(crate) async fn configured_ms(&self) -> Result<f64, Failure> {
        Ok(self.gauge("ferrox.auth.configured_in_us").await? / 1e3)
    }

    /// Memory of a VM in MiB.
    pub(crate) async fn memory(&self) -> Result<f64, Failure> {
        Ok(self.gauge("ferrox.auth.memory_bytes").await? / f64::from(1 << 20))
    }

    /// CPU time in microseconds that Envoy uses for requests with keys that are known.
    pub(crate) async fn cpu_us(&mut self, requests: u32) -> Result<f64, Failure> {
        let before = self.cpu_used()?;
        self.ask(requests).await?;
        Ok((self.cpu_used()? - before).as_secs_f64() * 1e6)
    }

    async fn ask(&self, requests: u32) -> Result<(), Failure> {
        // Numbers far apart, so that no part of the set stays in a cache of the processor.
        let numbers =
            stream::iter((0..requests).map(|number| number.wrapping_mul(2_654_435_761) % self.keys));
        numbers
            .map(|number| self.status(number))
            .buffer_unordered(AT_ONCE)
            .try_for_each(async |status| {
                if status == 200 { Ok(()) } else { Err(format!("a known key got {status}").into()) }
            })
            .await
    }

    async fn status(&self, number: u32) -> Result<u16, Failure> {
        let request = self.client.get(format!("http://{}/", self.listener.address()));
        Ok(request.header("x-api-key", form::key(number).as_str()).send().await?.status().as_u16())
    }

    /// Waits until every worker knows a key: until it is good many times in a row, over new connections.
    async fn wait_for(&self, number: u32) -> Result<(), Failure> {
        let mut in_a_row = 0;
        let end = tokio::time::Instant::now() + Duration::from_secs(60);
        while in_a_row < 20 {
            if tokio::time::Instant::now() > end {
                return Err(format!("key {number} is not good: {}", self.envoy.log_tail(20)).into());
            }
            let client = reqwest::Client::builder().no_proxy().build()?;
            let request = client.get(format!("http://{}/", self.listener.address()));
            let answer = request.header("x-api-key", form::key(number).as_str()).send().await;
            in_a_row =
                if answer.is_ok_and(|answer| answer.status().as_u16() == 200) { in_a_row + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn gauge(&self, name: &str) -> Result<f64, Failure> {
        Ok(f64::from(u32::try_from(self.envoy.stat(&format!("wasmcustom.{name}")).await?)?))
    }

    /// CPU time of all threads (proc(5), `schedstat`).
    fn cpu_used(&mut self) -> Result<Duration, Failure> {
        let pid = self.envoy.service().id().ok_or("Envoy is gone")?;
        let mut used = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            used += Duration::from_nanos(text.split_whitespace().next().unwrap_or_default().parse()?);
        }
        Ok(used)
    }
}

fn resources(folder: &TempDir) -> PathBuf {
    folder.path().join("auth.pb")
}

/// Writes the configuration as a response of ECDS, by rename, which is what Envoy watches.
fn write(folder: &TempDir, form: Form, keys: u32, name: u16) -> Result<usize, Failure> {
    let configuration = form::configuration(form, keys, name)?;
    let bytes = configuration.len();
    let resource = TypedExtensionConfig {
        name: "ferrox.auth".to_owned(),
        typed_config: Some(any(&wasm(configuration)?)),
    };
    let response = DiscoveryResponse {
        version_info: keys.to_string(),
        resources: vec![any(&resource)],
        ..DiscoveryResponse::default()
    };
    let new = folder.path().join("new.pb");
    fs::write(&new, response.encode_to_vec())?;
    fs::rename(new, resources(folder))?;
    Ok(bytes)
}

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn wasm(configuration: String) -> Result<Wasm, Failure> {
    let code = binaries::wasm()?.join("ferrox_auth.wasm").display().to_string();
    let code = DataSource { specifier: Some(Specifier::Filename(code)), ..DataSource::default() };
    let vm = VmConfig {
        vm_id: "ferrox.auth".to_owned(),
        runtime: "envoy.wasm.runtime.v8".to_owned(),
        code: Some(AsyncDataSource { specifier: Some(async_data_source::Specifier::Local(code)) }),
        ..VmConfig::default()
    };
    let config = PluginConfig {
        name: "ferrox.auth".to_owned(),
        failure_policy: FailurePolicy::FailReload.into(),
        configuration: Some(any(&StringValue { value: configuration })),
        vm: Some(Vm::VmConfig(vm)),
        ..PluginConfig::default()
    };
    Ok(Wasm { config: Some(config) })
}

fn bootstrap(admin: &Port, listener: &Port, resources: &std::path::Path) -> String {
    let (admin, listener, path) = (admin.number(), listener.number(), resources.display());
    format!(
        r#"
node: {{ id: keys, cluster: keys }}
admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {admin} }} }} }}
static_resources:
  listeners:
    - name: listener
      address: {{ socket_address: {{ address: 127.0.0.1, port_value: {listener} }} }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: keys
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes: [{{ match: {{ prefix: / }}, direct_response: {{ status: 200 }} }}]
                http_filters:
                  - name: ferrox.auth
                    config_discovery:
                      type_urls: [type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm]
                      config_source: {{ path_config_source: {{ path: "{path}" }} }}
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"#
    )
}
