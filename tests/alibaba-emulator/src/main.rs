//! `alibaba-emulator --listen ADDR --account ID --root-key KEYID:SECRET`: every service on that one address.

use std::net::SocketAddr;

use alibaba_emulator::{Account, serve};
use clap::Parser;
use tokio::net::TcpListener;

/// Alibaba Cloud for tests: RAM, IMS, STS, PAI and MaxCompute, on the loopback only.
#[derive(Parser)]
#[command(name = "alibaba-emulator")]
struct Arguments {
    /// Where to listen, such as 127.0.0.1:4600; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// The account's id: 16 digits.
    #[arg(long, value_name = "ID")]
    account: String,
    /// The key of the account itself, which may do everything but assume a role.
    #[arg(long, value_name = "KEYID:SECRET", env = "ALIBABA_EMULATOR_ROOT_KEY", hide_env_values = true)]
    root_key: String,
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let arguments = Arguments::parse();
    if !arguments.listen.ip().is_loopback() {
        return Err(format!("{} is not on the loopback: this plays a cloud and guards nothing", arguments.listen));
    }
    let Some((id, secret)) = arguments.root_key.split_once(':') else {
        return Err("--root-key: write KEYID:SECRET".to_owned());
    };
    let listener = TcpListener::bind(arguments.listen).await.map_err(|e| format!("{}: {e}", arguments.listen))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let account = Account::new(&arguments.account, id, secret);
    // What starts this reads the line to know that it answers, and where.
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "listening on http://{address}");
    serve(listener, account).await.map_err(|e| e.to_string())
}
