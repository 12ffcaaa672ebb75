#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/embedded.h"
#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/workload/readers.h"

/// Start here: queries from a dataset's name or from a user's file. All functions are thread-safe.
namespace phasewatt::workload {

/// The datasets known by name, in the order in which the paper drew its samples.
inline constexpr std::array<std::string_view, 4> kDatasets{"boolq", "hellaswag", "truthfulqa", "narrativeqa"};

/// What to read.
struct DatasetSpec {
  std::string name;   ///< one of kDatasets, or a name of the user's own together with `file`
  std::string file;   ///< read this file instead of looking into the data directory; may be empty
  std::string split;  ///< "val", "test", …; empty for the one the paper used
};

/// Queries and where they came from.
struct Dataset {
  std::string name;
  std::string source;  ///< the file, or "the shipped samples"
  bool shipped = false;
  std::vector<Query> queries;
};

/// Reads a dataset in its own format. Without a data directory and without a file the 32 queries that ship with the
/// program are read. Errors: not_found (name or file; the hint says what was looked for), bad_input (file and line),
/// io.
Result<Dataset> load_dataset(const DatasetSpec& spec, const std::optional<std::filesystem::path>& data_dir);

/// The same, one query at a time.
Result<std::unique_ptr<QueryStream>> stream_dataset(const DatasetSpec& spec,
                                                    const std::optional<std::filesystem::path>& data_dir);

/// The queries of a user's file, one at a time: JSONL or CSV, plain or gzip; "-" is standard input. The format is told
/// by extension and content: any of the datasets' own, or ours. Rows of ours get `name` as their dataset, or else the
/// file's name without extension.
Result<std::unique_ptr<QueryStream>> stream_queries(const std::filesystem::path& path, const std::string& name = {});

/// All queries of that file.
Result<Dataset> read_queries(const std::filesystem::path& path, const std::string& name = {});

/// The sample files compiled into the program.
std::span<const EmbeddedFile> shipped_samples();

}  // namespace phasewatt::workload
