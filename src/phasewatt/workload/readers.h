#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

/// The datasets' own formats, from memory. `name` stands for the file in messages. Rows are numbered from 0 after the
/// split filter; prompts are the paper's (prompts.h). Every error is bad_input and names file, line and field. Pure and
/// thread-safe. Formats: docs/datasets.md.
namespace phasewatt::workload {

using Queries = std::vector<Query>;

/// BoolQ: official form (question, title, passage, answer) and SuperGLUE form (question, passage, label, idx).
Result<Queries> read_boolq(std::string_view text, const std::string& name);

/// HellaSwag: activity_label, ctx, endings, label.
Result<Queries> read_hellaswag(std::string_view text, const std::string& name);

/// TruthfulQA: Question, Best Answer, Correct Answers; both revisions.
Result<Queries> read_truthfulqa(std::string_view text, const std::string& name);

/// NarrativeQA: questions (qaps.csv) whose `set` is `split`, with their summaries (summaries.csv).
struct NarrativeqaFiles {
  std::string_view questions;
  std::string questions_name;
  std::string_view summaries;
  std::string summaries_name;
};
Result<Queries> read_narrativeqa(const NarrativeqaFiles& files, std::string_view split);

/// Our own JSONL: prompt, or question and context; id, choices, answer, references, task. `dataset` becomes
/// Query::dataset and the front of the ids.
Result<Queries> read_generic(std::string_view text, const std::string& name, const std::string& dataset);

}  // namespace phasewatt::workload
