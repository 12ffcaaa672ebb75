#include "phasewatt/replay/study.h"

namespace phasewatt::replay {

std::string study_template() {
  return R"(# A phasewatt study: what to measure. Plan it with `phasewatt study plan FILE`, run it with `phasewatt study run FILE`.
# Keys that are commented out show their default. Every key: docs/study-file.md.
schema = "phasewatt-study/1"
name = "my-study"

# The grid: every model × dataset × batch size × clock is measured `repeats` times.
models = ["llama-3.2-1b", "llama-3.1-8b"]
batch_sizes = [1, 8]
clocks = "auto:7"             # or a list like [487, 960, 2842, "stock"], or "stock" (no clock is changed)
# repeats = 5
# baseline = "highest"        # the clock that all comparisons refer to: "highest", "stock", or one of the clocks
# seed = 1                    # draws samples, noise and the order of the points
# store_prompts = true        # false keeps the texts of the queries out of the results

# One [[datasets]] each. sample: "all", a number (drawn by the seed), "first:N", or "paper:1000" (or :200, :100).
[[datasets]]
name = "boolq"
sample = "all"

[[datasets]]
name = "truthfulqa"
sample = "all"

# [[datasets]]
# name = "my-queries"
# file = "my-queries.jsonl"

[engine]
kind = "sim"                  # or "cpu", "libtorch": run the models, which are then folders or "synthetic:llama-3.2-1b"
runtime = "eager"             # or "graph": CUDA graphs, little host time

[device]
kind = "sim"                  # of a real engine "nvml", or "none" (times and quality, no energy)
spec = "rtx-pro-6000-blackwell-ws"  # or "h200-sxm", or the path of a spec file
# noise = true

[decoding]
# max_new_tokens = 100
# stop = "length"             # always max_new_tokens, so that points are comparable; "eos" stops earlier

# [measure]                   # how a point is measured by sensors
# energy = "truth"            # of a simulated GPU in virtual time; "sensors" reads its sensors as a real card's
# warmup_s = 10               # under the point's own load, before anything counts
# warmup_max_s = 120          # at most, when the temperature is not steady before
# window_s = 0                # the queries go through again until so much is measured; 0: what the sensors need
# stacked_s = 2               # each phase repeated back to back, as the cross-check of its energy
# reference_every = 20        # points between two runs of the reference point, which shows drift
# repeats_max = 20            # go on repeating (from `repeats`) until
# confidence_width = 0.02     # the 95 % interval of a cell's mean energy is no wider than this share of it
)";
}

}  // namespace phasewatt::replay
