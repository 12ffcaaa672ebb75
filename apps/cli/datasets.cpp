#include "apps/cli/datasets.h"

#include "phasewatt/workload/features.h"

namespace phasewatt::cli {

Result<DataDir> parse_data_dir(const std::string& text) {
  if (text.empty()) return DataDir();
  std::error_code ec;
  if (!std::filesystem::is_directory(text, ec))
    return Error{ErrorCode::not_found, "--data-dir '" + text + "' is not a folder",
                 "name the folder that holds boolq/, hellaswag/, truthfulqa/ and narrativeqa/, or leave the flag out"};
  return DataDir(std::filesystem::absolute(text, ec).lexically_normal());
}

Result<workload::Dataset> load_dataset(const workload::DatasetSpec& spec, const DataDir& data_dir) {
  PHASEWATT_ASSIGN(auto dataset, workload::load_dataset(spec, data_dir));
  if (data_dir && spec.file.empty())
    dataset.source = std::filesystem::path(dataset.source).lexically_relative(*data_dir).string();
  return dataset;
}

Result<replay::DatasetInput> prepare(const workload::Dataset& dataset, const workload::SampleSpec& sample,
                                     std::uint64_t seed) {
  PHASEWATT_ASSIGN(auto queries, workload::draw(sample, dataset, seed));
  replay::DatasetInput input{dataset.name, workload::describe(sample, dataset), {}};
  input.queries.reserve(queries.size());
  for (Query& query : queries) {
    StudyQuery prepared;
    prepared.features = workload::paper_features(query);
    prepared.prompt_tokens = workload::prompt_tokens(query);
    prepared.option_tokens = workload::option_tokens(query);
    prepared.query = std::move(query);
    input.queries.push_back(std::move(prepared));
  }
  return input;
}

}  // namespace phasewatt::cli
