/**
 * Preloaded into each replica of the demo (`node --import`): ends it when whoever started it is gone, however that
 * came about. The cluster ends at the same moment, so there is nothing to hand back to it first.
 */
process.once("disconnect", () => process.exit(1));
if (process.connected !== true) process.exit(1);
