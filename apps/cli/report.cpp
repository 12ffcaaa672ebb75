#include <fmt/format.h>

#include "apps/cli/commands.h"
#include "apps/cli/version.h"
#include "phasewatt/analysis/findings.h"
#include "phasewatt/report/page.h"
#include "phasewatt/report/write_report.h"
#include "phasewatt/report/writers.h"
#include "phasewatt/store/reader.h"

namespace phasewatt::cli {
namespace {

struct Options {
  std::string db;
  std::string output;
  bool force = false;
  bool all = false;
  bool markdown = false;
};

report::Page make_page(analysis::Findings findings, const StudyPlan& plan) {
  const Environment& e = findings.environment;
  report::Page page;
  page.title = "phasewatt report: " + findings.study;
  page.program_version = std::string(kVersion);
  page.simulated = e.simulated();
  page.sentences.push_back(findings.verdict_sentence);
  page.sentences.insert(page.sentences.end(), findings.sentences.begin(), findings.sentences.end());
  page.provenance = {
      {"Device", e.device_name},
      {"Device id", e.device_id},
      {"Driver", !e.driver.empty()    ? e.driver
                 : e.device_simulated ? "none (simulated)"
                                      : "none"},
      {"Engine", fmt::format("{}, runtime {}{}", e.engine, e.runtime, e.engine_simulated ? " (simulated)" : "")},
      {"Tokens", std::string(to_string(plan.token_kind))},
      {"Seed", std::to_string(e.seed)},
      {"Study fingerprint", plan.fingerprint},
      {"Measured with", "phasewatt " + e.program_version}};
  if (!e.spec_hash.empty()) page.provenance.emplace_back("SHA-256 of the device file", e.spec_hash);
  for (const auto& sample : plan.samples) page.provenance.emplace_back("Sample", sample);
  for (const auto& note : plan.notes) page.provenance.emplace_back("Note", note);
  page.tables = std::move(findings.tables);
  page.figures = std::move(findings.figures);
  return page;
}

Status print_report(const Options& options, const Console& console) {
  PHASEWATT_ASSIGN(const StudyData data, store::read_study(options.db));
  const report::Page page = make_page(analysis::analyse(data), data.plan);
  if (!options.output.empty()) PHASEWATT_TRY(report::write_report(page, options.output, options.force));

  if (console.json) {
    console.out(report::to_json(page));
  } else if (options.markdown) {
    console.out(report::to_markdown(page));
  } else {
    const std::size_t shown = options.all ? page.tables.size() : std::min<std::size_t>(1, page.tables.size());
    for (std::size_t i = 0; i < shown; ++i) console.out(report::to_text(page.tables[i], console.color()) + "\n");
    for (const auto& sentence : page.sentences) console.out(sentence + "\n");
    if (!options.output.empty()) console.out("\nreport: " + options.output + "/index.html\n");
  }
  return ok();
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("report", "tables, figures and one page");
  auto options = std::make_shared<Options>();
  sub->add_option("DB", options->db)->required();
  sub->add_option("--output", options->output);
  sub->add_flag("--force", options->force);
  sub->add_flag("--all", options->all);
  sub->add_flag("--markdown", options->markdown);
  sub->callback([&action, options] { action = [options](const Console& c) { return print_report(*options, c); }; });
}

}  // namespace phasewatt::cli
