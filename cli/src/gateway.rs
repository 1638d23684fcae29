//! `titan gateway`: runs a gateway until SIGINT or SIGTERM.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::anyhow;
use etcetera::BaseStrategy;
use titan_gateway::{Gateway, Options};

use crate::args::GatewayArgs;
use crate::signals::Stop;

pub fn run(args: GatewayArgs) -> anyhow::Result<()> {
    let data = args.data.map_or_else(default_data, Ok)?;
    let options = Options {
        listen: args.listen,
        admin: args.admin,
        data,
        require_token: args.require_token,
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| anyhow!("the gateway's threads do not start ({cause}): check ulimit -a"))?;
    runtime.block_on(serve(options))
}

pub fn default_data() -> anyhow::Result<PathBuf> {
    let base = etcetera::choose_base_strategy()
        .map_err(|cause| anyhow!("there is no home folder ({cause}): name a folder with --data"))?;
    Ok(base.data_dir().join("titan"))
}

async fn serve(options: Options) -> anyhow::Result<()> {
    // Until it serves, a signal simply ends it: the store is safe at any moment.
    let gateway = Gateway::start(options).await?;
    let mut stop = Stop::listen()?;
    // Scripts wait for these lines and read the addresses, which may be free ports.
    let mut out = io::stdout().lock();
    writeln!(out, "services  http://{}", gateway.services_address())?;
    writeln!(out, "admin     http://{}", gateway.admin_address())?;
    out.flush()?;
    drop(out);
    gateway.run(async move { stop.asked().await }).await;
    Ok(())
}
