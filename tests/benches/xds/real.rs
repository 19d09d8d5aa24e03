//! One real Envoy: how long it takes until a change holds for traffic.

use std::time::Duration;

use ferrox_testbed::{
    bootstrap::{Bootstrap, Protocol},
    envoy::{Envoy, EnvoyPorts},
    wait::{PATIENCE, eventually},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{Failure, Meter, bed::Bed, rows::LIVE_HOST, server::Server, table::Measurement};

/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(1);

/// Moves a route to another path so many times, and sees each by requests.
pub(crate) async fn measure(bed: &mut Bed, server: &Server, changes: u16) -> Result<Measurement, Failure> {
    let bootstrap = Bootstrap::new("envoy-1", bed.control_plane.xds_port(), Protocol::Delta);
    let _envoy = Envoy::start_in(bed.folder.path(), EnvoyPorts::free()?, &bootstrap).await?;
    eventually("Envoy serves the live route", async || serves(bed, "/path-0").await.unwrap_or(false)).await?;
    let mut meter = Meter::start("1 x envoy, delta: one route, for traffic".to_owned(), server)?;
    for number in 0..changes {
        let path = format!("/live-{number}");
        let committed = bed.rows.move_live(&mut bed.database, &path).await?;
        let effective = timeout(PATIENCE, until_served(bed, &path)).await??;
        meter.measurement.count += 1;
        meter.measurement.last.add(effective - committed);
    }
    meter.stop(server)
}

/// When the first answer by the route had come.
async fn until_served(bed: &Bed, path: &str) -> Result<Instant, Failure> {
    loop {
        if serves(bed, path).await? {
            return Ok(Instant::now());
        }
        sleep(PAUSE).await;
    }
}

async fn serves(bed: &Bed, path: &str) -> Result<bool, Failure> {
    let url = format!("http://{}{path}", bed.listener.address());
    Ok(bed.client.get(url).header("host", LIVE_HOST).send().await?.status() == 200)
}
