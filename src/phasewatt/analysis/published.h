#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

/// The paper's tables (published/tables.json, compiled in). Looked up by the names the paper uses; what it does not
/// hold is absent. Thread-safe; the file is parsed once.
namespace phasewatt::analysis {

/// The paper's name of a model or dataset of ours ("llama-3.2-1b" → "Llama-3.2-1B", "boolq" → "BoolQ"), by equality
/// without case; of a model's folder by its last name, of a synthetic model by its shape. Absent when the paper has
/// none.
std::optional<std::string> paper_model(std::string_view id);
std::optional<std::string> paper_dataset(std::string_view id);

/// The paper's short name of a model of ours, as Table VII heads its columns ("1B").
std::optional<std::string> paper_model_size(std::string_view id);

/// How Table XIII names a dataset of ours: "BoolQ (LL)", "NarrativeQA (100)".
std::optional<std::string> paper_dataset_with_output(std::string_view id);

/// The number in `column` of the row that begins with `key`. `table` is its path below "tables": "XI",
/// "XIII/by_dataset". Averages are rows too: {"Avg", 4}.
using PaperKey = std::variant<std::string, double>;
std::optional<double> published(std::string_view table, std::initializer_list<PaperKey> key, std::string_view column);

/// A value by its path below "tables", for the tables that are not rows: "XIV/dvfs_180_vs_2842/energy_saving_avg_pct".
std::optional<double> published_number(std::string_view path);
std::optional<std::string> published_text(std::string_view path);

/// The clocks (MHz) that the paper compares, and how many models and datasets it averages over.
inline constexpr double kPaperBaselineMhz = 2842;
inline constexpr double kPaperLowestMhz = 180;
inline constexpr std::size_t kPaperModels = 5;
inline constexpr std::size_t kPaperDatasets = 4;

/// Are two clocks the same up to the snapping of a card (1 % of the second)? An absent one never is.
bool same_clock(std::optional<double> mhz, double wanted_mhz);

}  // namespace phasewatt::analysis
