//! Measurements: instruction budgets, allocation counts, and the bare proxy that the gateway is compared with.
