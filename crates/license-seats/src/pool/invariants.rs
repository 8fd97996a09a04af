//! Invariants of a pool, for tests.

use super::Pool;

impl Pool {
    /// Checks the invariants of the pool, for tests. Returns a description of each violation.
    ///
    /// The check takes linear time.
    ///
    /// ```
    /// use license_seats::{Pool, PoolTerms};
    ///
    /// let pool = Pool::new(PoolTerms::with_capacity(5));
    /// assert!(pool.check_invariants().is_empty());
    /// ```
    pub fn check_invariants(&self) -> Vec<String> {
        let usage = self.usage();
        let counters = self.counters;
        let leases = || self.leases();
        let next_seq = counters.next_seq;
        let waits_with_seat = self
            .tickets()
            .filter(|ticket| self.lease(&ticket.holder.session).is_some());
        let checks = [
            (
                "a pool holds at most its ceiling",
                usage.held <= counters.ceiling,
            ),
            (
                "the ceiling is at least the allowed seats",
                counters.ceiling >= usage.allowed,
            ),
            (
                "the ceiling exceeds the allowed seats only as far as seats are held",
                counters.ceiling <= usage.allowed.max(usage.held),
            ),
            (
                "offers are made only for allowed seats",
                usage.offered == 0 || usage.held + usage.offered <= usage.allowed,
            ),
            (
                "the counters have the number of leases",
                usage.held == counters.held,
            ),
            (
                "fencing numbers are unique",
                self.table.seqs() == self.table.leases().len(),
            ),
            (
                "fencing numbers are below the next",
                leases().all(|lease| lease.seq < next_seq),
            ),
            (
                "a seat is free after its lifetime",
                leases().all(|l| l.until <= l.free_at),
            ),
            (
                "no session holds a seat and waits",
                waits_with_seat.count() == 0,
            ),
            (
                "the indexes are those of the rows",
                self.table.is_consistent(),
            ),
        ];
        let violations = checks.into_iter().filter(|(_, holds)| !holds);
        violations
            .map(|(invariant, _)| invariant.to_owned())
            .collect()
    }
}
