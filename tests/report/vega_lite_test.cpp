#include "phasewatt/report/vega_lite.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/report/sample_page.h"

namespace phasewatt::report {
namespace {

using nlohmann::json;

json spec_of(const analysis::Figure& figure) { return json::parse(to_vega_lite(figure)); }

TEST(VegaLite, SaysSimulatedAndWhatTheHollowMarksAre) {
  const json spec = spec_of(sample::energy_line());
  EXPECT_EQ(spec["title"]["subtitle"], json::array({"SIMULATED", "hollow and dashed: the paper's values"}));
  EXPECT_NE(spec["description"].get<std::string>().find("SIMULATED"), std::string::npos);
  for (const auto& row : spec["data"]["values"]) EXPECT_EQ(row["simulated"], true);

  analysis::Figure measured = sample::energy_line();
  measured.data.simulated = false;
  EXPECT_EQ(to_vega_lite(measured).find("SIMULATED"), std::string::npos);
}

TEST(VegaLite, PutsThePapersValuesIntoALayerOfTheirOwn) {
  const json spec = spec_of(sample::energy_line());
  ASSERT_EQ(spec["layer"].size(), 2U);
  EXPECT_EQ(spec["layer"][1]["transform"][0]["filter"]["equal"], "paper");
  EXPECT_TRUE(spec["layer"][1]["mark"].contains("strokeDash"));
  EXPECT_EQ(spec["layer"][1]["mark"]["point"]["filled"], false);
  int paper = 0;
  for (const auto& row : spec["data"]["values"]) paper += row["_layer"] == "paper" ? 1 : 0;
  EXPECT_EQ(paper, 10);

  analysis::Figure alone = sample::energy_line();
  alone.published.clear();
  EXPECT_EQ(spec_of(alone)["layer"].size(), 1U);
  EXPECT_EQ(spec_of(sample::unpublished_line())["layer"].size(), 1U);
  EXPECT_EQ(spec_of(sample::unpublished_line())["title"]["subtitle"], json::array({"SIMULATED"}));
}

TEST(VegaLite, NamesAxesWithUnitsAndPrintsTooltipsWithTheColumnsDigits) {
  const json encoding = spec_of(sample::energy_line())["encoding"];
  EXPECT_EQ(encoding["x"]["title"], "SM clock (MHz)");
  EXPECT_EQ(encoding["x"]["type"], "quantitative");
  EXPECT_EQ(encoding["y"]["title"], "Energy per token (J)");
  EXPECT_EQ(encoding["color"]["sort"][0], "Llama-3.2-1B");
  EXPECT_EQ(encoding["tooltip"][3]["format"], ".2f");
}

TEST(VegaLite, GroupsBarsByColourUnlessItOnlyNamesTheSource) {
  analysis::Figure bars = sample::saving_bars();
  EXPECT_EQ(spec_of(bars)["encoding"]["xOffset"]["field"], "quantity");
  EXPECT_EQ(spec_of(bars)["encoding"]["x"]["type"], "nominal");
  bars.color = "source";
  EXPECT_FALSE(spec_of(bars)["encoding"].contains("xOffset"));
  EXPECT_FALSE(spec_of(bars)["encoding"].contains("color"));
}

TEST(VegaLite, FacetsKeepTheirOrderAndEscapeFieldNames) {
  const json spec = spec_of(sample::facet_points());
  EXPECT_EQ(spec["facet"]["sort"], json::array({"boolq", "hellaswag", "truthfulqa", "narrativeqa"}));
  EXPECT_EQ(spec["spec"]["encoding"]["x"]["field"], "latency\\.s");
  EXPECT_EQ(spec["spec"]["encoding"]["y"]["field"], "energy\\[j\\]");
  EXPECT_FALSE(spec_of(sample::facet_bars()).contains("resolve"));
  analysis::Figure measured = sample::facet_bars();
  measured.published.clear();
  EXPECT_EQ(spec_of(measured)["resolve"]["scale"]["y"], "independent");
  const auto& last = spec["data"]["values"].back();
  EXPECT_TRUE(last["latency.s"].is_null());
  EXPECT_TRUE(last["energy[j]"].is_null());
}

}  // namespace
}  // namespace phasewatt::report
