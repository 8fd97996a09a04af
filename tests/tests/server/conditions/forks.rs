//! A process that forks while it holds a seat.

use super::super::site::Site;
use super::holder::Machine;
use super::{pool, shorten_leases};

/// The child process looks at the seat, releases and drops it. Then it acquires a seat of its own,
/// for another project.
pub(super) fn child() {
    let site = Site::new("--tier team --seats 2 --offline --perpetual");
    let server = site.start(&[]);
    let authorization = shorten_leases(&server);
    let machine = Machine::new(&site);
    machine.project("parent/child");
    let mut holder = machine.start("parent", machine.application("parent", server.url()));
    let acquired = holder.wait_for("acquired");
    holder.fork();
    let ended = holder.wait_for("child-ended");
    assert_eq!(ended["status"], 0, "{ended}");
    let child = holder.wait_for("child");
    assert_eq!(
        (&child["valid"], &child["expires_in"], &child["has_lease"]),
        (&false.into(), &0.0.into(), &false.into())
    );
    let released = holder.wait_for("child-released");
    assert_eq!(released["error"], "FORKED", "{released}");
    let own = holder.wait_for("child-acquired");
    assert_eq!(own["valid"], true, "{own}");
    assert_ne!(own["seq"], acquired["seq"], "{own}");
    assert_eq!(holder.wait_for("child-freed")["freed"], true);
    // The parent still holds its seat, and renews it.
    assert_eq!(pool(&server, &authorization)["held"], 1);
    let count = holder.all("renewed").len();
    let renewed = holder.wait_for_more("renewed", count);
    assert_eq!(renewed["seq"], acquired["seq"], "{renewed}");
    for event in ["late", "lost", "invalid"] {
        assert!(holder.all(event).is_empty(), "{:?}", holder.entries());
    }
    holder.end();
    assert_eq!(pool(&server, &authorization)["held"], 0);
}
