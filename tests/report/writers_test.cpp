#include "phasewatt/report/writers.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <sstream>

#include "phasewatt/report/format.h"
#include "phasewatt/report/html.h"
#include "tests/report/sample_page.h"

namespace phasewatt::report {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A reader of RFC 4180, strict enough that a wrong quote shows.
std::vector<std::vector<std::string>> read_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows{{""}};
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& field = rows.back().back();
    if (quoted && text[i] == '"' && text.substr(i, 2) == "\"\"") {
      field += text[i++];
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == ',') {
      rows.back().emplace_back();
    } else if (!quoted && text.substr(i, 2) == "\r\n") {
      rows.emplace_back(1);
      ++i;
    } else {
      field += text[i];
    }
  }
  rows.pop_back();
  return rows;
}

analysis::Table one_name(const std::string& name) {
  analysis::Table table;
  table.id = "t";
  table.title = name;
  table.note = name;
  table.columns = {{"name", "Name"}, {"value", "Value", 2}};
  table.rows = {{name, 1.5}, {name, {}}};
  table.simulated = true;
  return table;
}

TEST(Text, AlignsColumnsAndSaysSimulated) {
  analysis::Table table = one_name("Δ-model");
  table.note.clear();
  table.rows.push_back({std::string("a longer name"), -123.0});
  EXPECT_EQ(to_text(table, false),
            "Δ-model  SIMULATED\n"
            "Name             Value\n"
            "-------------  -------\n"
            "Δ-model           1.50\n"
            "Δ-model\n"
            "a longer name  -123.00\n");
  table.simulated = false;
  EXPECT_EQ(to_text(table, false).find(kSimulated), std::string::npos);
}

TEST(Text, BreaksHeadingsWrapsTheNoteAndSetsThePaperApart) {
  const std::string text = to_text(sample::table(), false);
  const auto lines = lines_of(text);
  const auto rule =
      std::find_if(lines.begin(), lines.end(), [](const auto& line) { return line.rfind("---", 0) == 0; });
  ASSERT_NE(rule, lines.end());
  EXPECT_GT(rule - lines.begin(), 2) << "the headings stand on several lines";
  EXPECT_NE((rule - 1)->find("paper"), std::string::npos);
  for (auto line = rule + 1 + 15; line != lines.end(); ++line) EXPECT_LE(display_width(*line), 100U) << *line;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("-0.0"), std::string::npos);
  EXPECT_EQ(text.find("nan"), std::string::npos);
  EXPECT_NE(to_text(sample::table(), true).find("\x1b[2m"), std::string::npos) << "published values are dim";
}

RC_GTEST_PROP(Text, NoNameSteersTheTerminalOrBreaksALine, (const std::string& name)) {
  const std::string text = to_text(one_name(name + "\x1b]0;x\x07\r\n"), false);
  RC_ASSERT(text.find('\x1b') == std::string::npos);
  RC_ASSERT(text.find('\r') == std::string::npos);
}

TEST(Markdown, IsOneGitHubTableWithPublishedValuesInItalics) {
  const auto lines = lines_of(to_markdown(sample::plain_table()));
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[2], "| Dataset | Mean (bit) | *paper* |");
  EXPECT_EQ(lines[3], "| --- | ---: | ---: |");
  EXPECT_EQ(lines[4], "| boolq | 5.987 | *5.987* |");
  EXPECT_EQ(lines[5], "| hellaswag | 6.100 |  |");
  EXPECT_NE(lines_of(to_markdown(sample::table()))[0].find("SIMULATED"), std::string::npos);
}

TEST(Writers, PeopleSeeNoPublishedColumnWithoutAValueAndExportsKeepIt) {
  analysis::Table table = sample::plain_table();
  for (auto& row : table.rows) row[2] = {};
  for (const std::string& text : {to_text(table, false), to_markdown(table)})
    EXPECT_EQ(text.find("paper"), std::string::npos) << text;
  EXPECT_EQ(lines_of(to_markdown(table))[4], "| boolq | 5.987 |");
  Page page;
  page.tables = {table};
  EXPECT_EQ(to_html(page).find(">paper<"), std::string::npos);
  EXPECT_EQ(read_csv(to_csv(table))[0][2], "mean_published");
  EXPECT_TRUE(nlohmann::json::parse(to_json(table))["rows"][0].contains("mean_published"));
  table.rows[1][2] = 6.0;
  EXPECT_NE(to_text(table, false).find("paper"), std::string::npos);
  table.columns[2].published = false;  // an empty column of ours stays
  table.rows[1][2] = {};
  EXPECT_NE(to_text(table, false).find("paper"), std::string::npos);
}

RC_GTEST_PROP(Markdown, NoNameAddsACellOrAnElement, (const std::string& name)) {
  const auto lines = lines_of(to_markdown(one_name(name + "|<b>")));
  const auto first =
      std::find_if(lines.begin(), lines.end(), [](const auto& line) { return line.rfind("| --- ", 0) == 0; });
  RC_ASSERT(lines.end() - first >= 3);
  int bars = 0;
  const std::string& row = *(first + 1);
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] == '\\') {
      ++i;
    } else {
      RC_ASSERT(row[i] != '<');
      if (row[i] == '|') ++bars;
    }
  }
  RC_ASSERT(bars == 3);
}

TEST(Csv, HasKeysFullNumbersEmptyCellsAndSimulated) {
  const auto rows = read_csv(to_csv(sample::table()));
  ASSERT_EQ(rows.size(), 16U);
  EXPECT_EQ(rows[0].front(), "model");
  EXPECT_EQ(rows[0].back(), "simulated");
  for (const auto& row : rows) ASSERT_EQ(row.size(), 12U);
  EXPECT_EQ(rows[1][9], "7.123456789");
  EXPECT_EQ(rows[1][4], "0");
  EXPECT_EQ(rows[1][5], "");
  EXPECT_EQ(rows[1][8], "");
  EXPECT_EQ(rows[1].back(), "true");
  EXPECT_EQ(read_csv(to_csv(sample::plain_table()))[1].back(), "false");
}

RC_GTEST_PROP(Csv, EveryNameReadsBackAsItIs, (const std::string& name)) {
  const std::string nasty = name + "\",\r\n";
  const auto rows = read_csv(to_csv(one_name(nasty)));
  RC_ASSERT(rows.size() == 3U);
  RC_ASSERT(rows[1] == (std::vector<std::string>{nasty, "1.5", "true"}));
}

TEST(Json, HasKeysNullsAndSimulatedInEveryRow) {
  const auto json = nlohmann::json::parse(to_json(sample::table()));
  EXPECT_EQ(json["id"], "table_11_dvfs");
  EXPECT_EQ(json["simulated"], true);
  EXPECT_EQ(json["columns"][3]["published"], true);
  const auto& row = json["rows"][0];
  EXPECT_EQ(row["joules"], 7.123456789);
  EXPECT_TRUE(row["latency_delta_pct_published"].is_null());
  EXPECT_TRUE(row["prefill_share_pct"].is_null());
  EXPECT_EQ(row["simulated"], true);
}

TEST(Json, LinesAreOneObjectPerRow) {
  const auto lines = lines_of(to_json_lines(sample::plain_table()));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(lines[0])["mean"], 5.9871);
  EXPECT_TRUE(nlohmann::json::parse(lines[1])["mean_published"].is_null());
  EXPECT_EQ(nlohmann::json::parse(lines[1])["simulated"], false);
}

TEST(Json, OfAPageNamesItsSchemaAndTakesAnyBytes) {
  Page page = sample::page();
  page.title = "\xff\xfe";
  const auto json = nlohmann::json::parse(to_json(page));
  EXPECT_EQ(json["schema"], kReportSchema);
  EXPECT_EQ(json["tables"].size(), 2U);
  EXPECT_EQ(json["figures"].size(), 6U);
  EXPECT_EQ(json["provenance"][0]["name"], "GPU");
}

TEST(Markdown, TheBannerSaysWhatIsSimulated) {
  Page page = sample::page();
  EXPECT_NE(to_markdown(page).find("**SIMULATED: these numbers come from a simulated GPU, not from a measurement.**"),
            std::string::npos);
  page.banner = "only *scores* are";
  EXPECT_NE(to_markdown(page).find("**SIMULATED: only \\*scores\\* are.**"), std::string::npos);
}

TEST(Markdown, OfAPageHoldsSentencesTablesFiguresAndProvenance) {
  const std::string text = to_markdown(sample::page());
  for (const char* part : {"it saves 41.7 %", "## Table XI", "## Figure 3", "figures/figure_5_batch.vl.json",
                           "gpu-sim/1", "**SIMULATED"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace phasewatt::report
