#pragma once

#include <memory>
#include <string>
#include <vector>

#include "phasewatt/engine/embedded/embedded_engine.h"
#include "phasewatt/replay/plan.h"
#include "phasewatt/replay/study.h"

/// The models of a study on a real engine: folders whose tokenizer counts, and synthetic ones.
namespace phasewatt::cli {

/// Opens the tokenizer of a model folder. A decoded answer ends at the model's first end token: what a fixed length
/// makes it say afterwards is not part of it.
Result<std::unique_ptr<engine::embedded::TextTokens>> open_text_tokens(const std::string& folder);

/// Looks at every model of the study before anything runs: a folder that lacks something, or a shape that is not known,
/// is an error that names the study's line. Then counts each query in the tokens of each folder's model. A study of
/// synthetic models alone counts words; beside a real model, synthetic ones take the lengths of the first. `notes` for
/// the plan: queries that are too long for a model.
Status prepare_models(const replay::Study& study, replay::PlanInputs& inputs, std::vector<std::string>& notes);

}  // namespace phasewatt::cli
