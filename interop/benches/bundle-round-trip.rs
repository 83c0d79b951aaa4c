//! How long a bundle takes there and back between two nodes on loopback: over our TCPCLv4 and over
//! a contact on QUIC, beside Hardy's TCPCLv4. Prints one line per figure, or with `--json` one
//! JSON object per figure.
//!
//! Over TCPCL, both programs have their own settings, none has TLS, and nothing is parsed or
//! stored: whoever gets a bundle sends the same bytes back. On a contact the bundle is for whoever
//! gets it, who stores it durably and puts another of the same size into their bag; so two
//! headers are shown, asked for and answered, and four bundles written. Bags are in memory
//! (`/dev/shm`), and on the disk where temporary files are. The ways take turns; figures are
//! medians.
#![allow(missing_docs)]

#[path = "../../shells/node/benches/figure/mod.rs"]
mod figure;
mod ways;

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use allod_courier::bundle::{Bundle, Lifetime, Priority, Seconds, Terms};
use figure::{Figure, percentile};
use tokio::time::timeout;
use ways::{Hardy, Meeting, Tcpcl};

const ROUNDS: usize = 240;

/// Rounds before those that count.
const FIRST: usize = 20;

/// Longer than any round takes.
const LONG: Duration = Duration::from_secs(10);

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A bundle for somebody, another one each time.
fn bundle(whose: u8, number: usize, size: usize) -> Done<Bundle> {
    let number = u64::try_from(number)?.to_be_bytes();
    let mut message = vec![whose; 8 + size];
    message[1..8].copy_from_slice(&number[1..]);
    for (at, byte) in message.iter_mut().enumerate().skip(8) {
        *byte = (at * 31 % 251) as u8;
    }
    let terms = Terms {
        created: Seconds::at(allod_post::now()),
        sequence: 1,
        lifetime: Lifetime::MESSAGE,
        priority: Priority::Normal,
        copies: 4,
        custody: false,
    };
    Ok(Bundle::new(&message, terms)?)
}

async fn measure(json: bool) -> Done<()> {
    let (mut tcpcl, mut hardy) = (Tcpcl::new().await?, Hardy::new().await?);
    let memory = tempfile::tempdir_in(
        Some(Path::new("/dev/shm")).filter(|shm| shm.is_dir()).unwrap_or(Path::new(".")),
    )?;
    let disk = tempfile::tempdir()?;
    let (mut light, mut whole) = (Meeting::new(memory.path()).await?, Meeting::new(disk.path()).await?);
    for (name, size) in [("300 bytes", 300), ("1 MiB", 1 << 20)] {
        let mut took: [Vec<f64>; 4] = Default::default();
        for number in 0..FIRST + ROUNDS {
            let (there, back) = (bundle(1, number, size)?, bundle(0, number, size)?);
            let full = there.to_full();
            let mut times = [0.0; 4];
            // Nobody is always the first, whom what came before disturbs.
            for turn in 0..4 {
                let way = (turn + number) % 4;
                let begun = Instant::now();
                let round = async {
                    match way {
                        0 => tcpcl.round(&full).await,
                        1 => hardy.round(&full).await,
                        2 => light.round(&there, &back).await,
                        _ => whole.round(&there, &back).await,
                    }
                };
                let done = timeout(LONG, round).await;
                done.map_err(|_| format!("{name}, way {way}, round {number}: it does not come back"))??;
                times[way] = begun.elapsed().as_secs_f64() * 1000.0;
                match way {
                    2 => light.clear(&there, &back)?,
                    3 => whole.clear(&there, &back)?,
                    _ => {}
                }
            }
            if number >= FIRST {
                took.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
            }
        }
        let [tcpcl, hardy, light, whole] = took.each_mut().map(|all| percentile(all, 50));
        let print = |way: &str, value, aim| {
            let name = &format!("{name} there and back, {way}, beside Hardy's TCPCLv4");
            Figure { name, value, unit: "ms", aim, peer: Some(hardy) }.print(json);
        };
        print("TCPCLv4", tcpcl, Some("<= 1x"));
        print("a contact on QUIC, in memory", light, None);
        print("a contact on QUIC, on the disk", whole, None);
    }
    Ok(())
}

fn main() -> Done<()> {
    let json = std::env::args().any(|argument| argument == "--json");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(measure(json));
    runtime.shutdown_background();
    done
}
