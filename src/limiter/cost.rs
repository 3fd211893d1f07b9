//! What one request costs: so many tokens of each limit.

use super::limit::MAX_LIMITS;

/// How many tokens a request takes of each limit of a [`RateLimiter`](crate::RateLimiter): one of each, unless it is
/// said otherwise.
///
/// Limits are numbered from 0 in the order in which the limiter was given them. A number beyond them costs nothing.
///
/// ```
/// use fanout::Cost;
///
/// // One request, and so one of every limit; but 300 of the second, which counts words.
/// let cost = Cost::ONE.with(1, 300);
/// assert_eq!([cost.of(0), cost.of(1), cost.of(2)], [1, 300, 1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cost([u32; MAX_LIMITS]);

impl Cost {
    /// One token of every limit.
    pub const ONE: Cost = Cost::each(1);

    /// So many tokens of every limit.
    #[must_use]
    pub const fn each(tokens: u32) -> Cost {
        Cost([tokens; MAX_LIMITS])
    }

    /// The same cost, but so many tokens of this limit; 0 leaves it out.
    #[must_use]
    pub fn with(mut self, limit: usize, tokens: u32) -> Cost {
        if let Some(cost) = self.0.get_mut(limit) {
            *cost = tokens;
        }
        self
    }

    /// How many tokens of this limit.
    #[must_use]
    pub fn of(&self, limit: usize) -> u32 {
        self.0.get(limit).copied().unwrap_or(0)
    }

    /// The tokens of each limit, in order.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }
}

/// [`Cost::ONE`].
impl Default for Cost {
    fn default() -> Cost {
        Cost::ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_nobody_can_have_costs_nothing() {
        assert_eq!(Cost::ONE.with(MAX_LIMITS, 7), Cost::default());
        assert_eq!(Cost::ONE.of(MAX_LIMITS), 0);
        assert_eq!(Cost::each(3).with(7, 0).tokens().sum::<u32>(), 21);
    }
}
