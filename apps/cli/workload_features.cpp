#include <fmt/format.h>

#include "apps/cli/console.h"
#include "apps/cli/datasets.h"
#include "apps/cli/progress.h"
#include "apps/cli/workload.h"
#include "phasewatt/report/writers.h"

namespace phasewatt::cli {
namespace {

/// Rows that are computed and printed together: enough for an annotator to work ahead, few enough to need no memory.
constexpr std::size_t kBlock = 256;

/// The queries of DATA, one block after the other. A sample that is drawn needs them all; the others do not.
class Queries {
 public:
  static Result<Queries> open(const FeaturesOptions& options) {
    PHASEWATT_ASSIGN(const DataDir data_dir, parse_data_dir(options.features.data_dir));
    Queries queries;
    PHASEWATT_ASSIGN(queries.sample_, workload::parse_sample(options.features.sample));
    using Kind = workload::SampleSpec::Kind;
    if (queries.sample_.kind == Kind::random || queries.sample_.kind == Kind::paper) {
      PHASEWATT_ASSIGN(const auto dataset, is_file(options.data) ? workload::read_queries(options.data)
                                                                 : load_dataset({options.data, {}, {}}, data_dir));
      PHASEWATT_ASSIGN(queries.drawn_, workload::draw(queries.sample_, dataset, options.features.seed));
      queries.name_ = dataset.name;
      queries.described_ = workload::describe(queries.sample_, dataset, options.features.seed);
      queries.source_ = dataset.source;
      queries.seed_ = options.features.seed;
      return queries;
    }
    PHASEWATT_ASSIGN(queries.stream_, is_file(options.data)
                                          ? workload::stream_queries(options.data)
                                          : workload::stream_dataset({options.data, {}, {}}, data_dir));
    return queries;
  }

  /// Up to kBlock more; empty at the end. An error is told after the rows that came before it.
  Result<std::vector<Query>> next() {
    if (pending_) return *pending_;
    std::vector<Query> block;
    if (!stream_) {
      const std::size_t end = std::min(drawn_.size(), given_ + kBlock);
      for (; given_ < end; ++given_) block.push_back(std::move(drawn_[given_]));
      return block;
    }
    while (block.size() < kBlock && !ended_) {
      const bool wanted = sample_.kind == workload::SampleSpec::Kind::all || given_ < sample_.count;
      Query query;
      const auto more = wanted ? stream_->next(query) : Result<bool>(false);
      if (!more && block.empty()) return more.error();
      if (!more) {
        pending_ = more.error();
        return block;
      }
      ended_ = !*more;
      if (ended_) break;
      ++given_;
      block.push_back(std::move(query));
    }
    if (ended_ && sample_.kind == workload::SampleSpec::Kind::first && given_ < sample_.count)
      return Error{ErrorCode::usage,
                   fmt::format("the sample '{}' asks for more than the {} rows of {}", to_string(sample_), given_,
                               stream_->lines().name()),
                   "use 'all'"};
    return block;
  }

  /// "boolq: 32 rows of the shipped samples/… (all)"; known in full at the end.
  [[nodiscard]] std::string describe() const {
    if (!stream_) return described_;
    return fmt::format("{}: {} row{} of {} ({})", stream_->dataset(), given_, given_ == 1 ? "" : "s",
                       stream_->lines().name(), to_string(sample_));
  }
  [[nodiscard]] std::string name() const { return stream_ ? stream_->dataset() : name_; }
  [[nodiscard]] std::size_t given() const { return given_; }
  /// "3, seed 5": the rows of a draw belong to its seed.
  [[nodiscard]] std::string sample() const {
    const bool drawn = sample_.kind == workload::SampleSpec::Kind::random;
    return to_string(sample_) + (drawn ? fmt::format(", seed {}", seed_) : std::string());
  }
  [[nodiscard]] std::string source() const { return stream_ ? stream_->lines().name() : source_; }
  /// Share of the file that is read, where it has a size.
  [[nodiscard]] std::optional<double> share() const {
    if (!stream_) return drawn_.empty() ? 1 : static_cast<double>(given_) / static_cast<double>(drawn_.size());
    const auto size = stream_->lines().size();
    if (!size || *size == 0) return std::nullopt;
    return std::min(1.0, static_cast<double>(stream_->lines().position()) / static_cast<double>(*size));
  }

 private:
  workload::SampleSpec sample_;
  std::unique_ptr<workload::QueryStream> stream_;
  std::vector<Query> drawn_;
  std::string name_;
  std::string described_;
  std::string source_;
  std::uint64_t seed_ = 0;
  std::size_t given_ = 0;
  bool ended_ = false;
  std::optional<Error> pending_;
};

/// A table without rows. People see what has room; files get everything, with what it rests on in each row.
analysis::Table heading(const FeatureSource& source, bool for_people) {
  analysis::Table table;
  table.id = "features";
  table.columns = {{"id", "query", 0}, {"dataset", "dataset", 0}, {"task", "task", 0}};
  for (const auto& field : source.profile().fields())
    if (field.shown || !for_people) table.columns.push_back({field.key, field.title, field.digits});
  if (for_people) return table;
  for (const char* constant : {"profile", "token_kind", "tokenizer", "entities", "weights", "sample", "source"})
    table.columns.push_back({constant, constant, 0});
  return table;
}

void fill(analysis::Table& table, const std::vector<Query>& queries, const std::vector<FeatureSource::Row>& rows,
          const FeatureSource& source, const Queries& from, bool for_people) {
  const auto& profile = source.profile();
  const auto& fields = profile.fields();
  table.rows.clear();
  for (std::size_t q = 0; q < queries.size(); ++q) {
    auto& cells = table.rows.emplace_back();
    cells = {queries[q].id, queries[q].dataset, std::string(to_string(queries[q].task))};
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (fields[i].shown || !for_people) cells.emplace_back(rows[q].values[i]);
    if (for_people) continue;
    for (const auto& constant : {profile.name(), std::string(to_string(profile.token_kind())), profile.tokenizer(),
                                 source.entities(), source.weights(), from.sample(), from.source()})
      cells.emplace_back(constant);
  }
}

/// A block as text in the wanted format; the heading of a CSV file stands once.
std::string render(const analysis::Table& table, const std::string& format, bool first, const Console& console) {
  if (format == "jsonl") return report::to_json_lines(table);
  if (format == "table") return report::to_text(table, console.color());
  std::string csv = report::to_csv(table);
  return first ? csv : csv.substr(csv.find("\r\n") + 2);
}

}  // namespace

Status print_features(const FeaturesOptions& options, const Console& console) {
  install_stop_signals("\nphasewatt: stopping after the rows in hand (press again to quit at once)\n");
  PHASEWATT_ASSIGN(auto source, FeatureSource::open(options.features));
  PHASEWATT_ASSIGN(auto queries, Queries::open(options));
  const std::string format = console.json ? "jsonl" : options.format;
  const bool for_people = format == "table";
  analysis::Table table = heading(source, for_people);
  ShareBar progress(console);
  PHASEWATT_ASSIGN(auto block, queries.next());
  for (bool first = true, last = false; !last; first = false) {
    const std::size_t given = queries.given();
    auto following = queries.next();  // its error is told after what came before it
    last = !following || following->empty();
    PHASEWATT_ASSIGN(const auto rows, source.extract(block));
    fill(table, block, rows, source, queries, for_people);
    table.title = first ? "Features of " + queries.name() : std::string();
    table.note = last && following ? fmt::format("{}. Sample: {}.", source.note(), queries.describe()) : std::string();
    console.out(render(table, format, first, console));
    PHASEWATT_TRY(console.flush());
    if (!following) return std::move(following).error();
    if (stop_flag() && !last)
      return Error{
          ErrorCode::interrupted, fmt::format("stopped after {} {}", given, given == 1 ? "query" : "queries"), {}};
    progress.show(queries.share(), fmt::format("{} queries", given));
    block = std::move(following).value();
  }
  PHASEWATT_TRY(source.finish());
  if (!for_people) console.say(table.note);
  if (const auto note = source.annotator_note(); !note.empty()) console.say("note: " + note);
  return ok();
}

}  // namespace phasewatt::cli
