// Parameter updates in place, in one pass over memory. What they compute stands in their headers.
#pragma once

#include "optim_adam.h"
#include "optim_rmsprop.h"
#include "optim_sgd.h"

namespace receptive::RECEPTIVE_TARGET {

template <class X, class... S>
using OptimSteps = Family<X, OptimStep<X, S>...>;

template <class X>
using OptimFamily = OptimSteps<X, SgdStep, SgdMomentumStep, AdamStep, RmspropStep<false, false>,
                               RmspropStep<false, true>, RmspropStep<true, false>, RmspropStep<true, true>>;

}  // namespace receptive::RECEPTIVE_TARGET
