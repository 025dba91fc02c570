// What a run is told about how fast it may go. Plain values, apart from the model so that its users do not depend on
// it.
#pragma once

namespace bulk {

struct RateLimits {
  double max_units = 0;    // per second; 0: no limit
  double start_units = 0;  // per second, where capacity is known: what to begin with; 0: unbounded until congestion
  double share = 1;        // of a ceiling that was found by congestion, for a table that others need too
};

}  // namespace bulk
