//! The bare server as a process of its own: prints its port, and serves on as many threads as it has cores until it is killed.

use std::net::Ipv4Addr;
use std::thread::available_parallelism;

use tokio::net::TcpListener;
use tokio::runtime::Builder;

fn main() -> anyhow::Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(available_parallelism()?.get()).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        Ok(titan_load::echo::serve(&listener).await?)
    })
}
