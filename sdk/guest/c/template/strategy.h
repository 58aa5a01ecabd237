// What the tests of {{name}} see of it.

#ifndef STRATEGY_H
#define STRATEGY_H

#include "patchbay.h"

// How good it is to offer the work to the agent: seconds idle, less what open
// assignments take away.
int32_t {{ident}}_score(pb_turn *turn, const pb_work *work, const pb_agent *agent);

#endif
