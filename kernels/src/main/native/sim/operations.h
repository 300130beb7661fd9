// Operations that the decoder places by name.
#pragma once
#include "warp.h"

namespace sim {

/** The body with the lanes that pass the guard. */
const Instruction* run_guarded(Warp& w, const Instruction& i);
/** The same for a body that moves control: lanes kept out go on behind it as a group of their own. */
const Instruction* run_guarded_control(Warp& w, const Instruction& i);
/** Stands at every label: groups that wait there, or run behind, come together. */
const Instruction* run_join(Warp& w, const Instruction& i);
const Instruction* run_return(Warp& w, const Instruction& i);
/** Performs i.perform once the lanes of the member mask at i.e are there. */
const Instruction* run_collective(Warp& w, const Instruction& i);
/** Collectives whose members have all arrived, or died, happen. */
void complete_collectives(Warp& w);

}  // namespace sim
