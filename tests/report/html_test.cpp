#include "phasewatt/report/html.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include "phasewatt/report/web_files.h"
#include "tests/report/sample_page.h"

namespace phasewatt::report {
namespace {

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

Page named(const std::string& name) {
  Page page;
  page.title = name;
  page.program_version = name;
  page.simulated = true;
  page.sentences = {name};
  page.provenance = {{name, name}};
  analysis::Table table;
  table.id = "t";
  table.title = name;
  table.note = name;
  table.simulated = true;
  table.columns = {{"name", name}, {"value", "Value"}, {"value_published", "paper", 1, true}};
  table.rows = {{name, 1.0, {}}};
  page.tables = {table};
  analysis::Figure figure;
  figure.data = table;
  figure.data.id = "f";
  figure.x = "name";
  figure.y = "value";
  figure.color = "name";
  page.figures = {figure};
  return page;
}

TEST(Html, NoNameBecomesMarkup) {
  const std::string plain = to_html(named("plain"));
  for (const char* nasty :
       {sample::kNasty, "<!--", "</SCRIPT >", "<script>", "\" onload=\"x", "]]>", "{{scripts}}", "&lt;"}) {
    const std::string html = to_html(named(nasty));
    EXPECT_EQ(count(html, "<"), count(plain, "<")) << nasty;
    EXPECT_EQ(count(html, "\" onload=\""), 0U) << nasty;
  }
}

RC_GTEST_PROP(Html, NoNameAddsAnElement, (const std::string& name)) {
  static const std::size_t expected = count(to_html(named("plain")), "<");
  RC_ASSERT(count(to_html(named("x" + name)), "<") == expected);
}

TEST(Html, EscapesTextAndJson) {
  EXPECT_EQ(escape_html("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  const std::string json = nlohmann::json("</script><!--").dump();
  EXPECT_EQ(escape_json_for_html(json).find('<'), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(escape_json_for_html(json)), "</script><!--");
}

TEST(Html, SaysSimulatedOnTheBannerAndEachTableAndFigure) {
  const std::string html = to_html(sample::page());
  EXPECT_EQ(count(html, "class=\"banner\""), 1U);
  EXPECT_EQ(count(html, "<span class=\"sim\">SIMULATED</span>"), 1U + 2 * 6U)
      << "one table, and each figure and its data";
  EXPECT_NE(html.find("<title>SIMULATED"), std::string::npos);
  Page measured = sample::page();
  measured.simulated = false;
  for (auto& table : measured.tables) table.simulated = false;
  for (auto& figure : measured.figures) figure.data.simulated = false;
  EXPECT_EQ(count(to_html(measured), "SIMULATED"), 0U);
}

TEST(Html, TheBannerSaysWhatIsSimulated) {
  Page page = sample::page();
  EXPECT_NE(to_html(page).find("<strong>SIMULATED</strong>: these numbers come from a simulated GPU"),
            std::string::npos);
  page.banner = "only <scores> are";
  const std::string html = to_html(page);
  EXPECT_NE(html.find("<strong>SIMULATED</strong>: only &lt;scores&gt; are.</p>"), std::string::npos);
  EXPECT_EQ(html.find("simulated GPU, not"), std::string::npos);
}

TEST(Html, ForbidsEverythingThatIsNotInsideAndIsTheSameEachTime) {
  const std::string html = to_html(sample::page());
  EXPECT_NE(html.find("default-src 'none'; script-src 'nonce-"), std::string::npos);
  EXPECT_EQ(html.find("unsafe-eval"), std::string::npos);
  EXPECT_EQ(html.find("{{nonce}}"), std::string::npos);
  EXPECT_EQ(html, to_html(sample::page()));
}

TEST(Html, SetsNumbersAndPublishedValuesApart) {
  const std::string html = to_html(sample::page());
  EXPECT_NE(html.find("<th scope=\"col\" class=\"num pub\">paper</th>"), std::string::npos);
  EXPECT_NE(html.find("<td class=\"num\">7.123</td>"), std::string::npos);
  EXPECT_NE(html.find("<th scope=\"row\">boolq</th>"), std::string::npos);
}

TEST(Html, WithoutScriptsSaysSoAndKeepsTheData) {
  const std::string html = to_html(sample::page());
  EXPECT_EQ(count(html, "Data of this figure"), 6U);
  EXPECT_EQ(count(html, "There is no data for this figure"), 1U);
  const bool drawn = !script_files().empty();
  EXPECT_EQ(count(html, "Built without figures"), drawn ? 0U : 5U);
  EXPECT_EQ(count(html, "class=\"spec\""), drawn ? 5U : 0U);
}

}  // namespace
}  // namespace phasewatt::report
