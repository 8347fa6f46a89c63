#include "core/conformance/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

namespace aftersales::conformance {
namespace {

Report Sample() {
  Report report;
  report.path = "/opt/a & b/acme.so";
  report.seed = 42;
  report.who = "Acme \"books\" 1.0.0";
  report.results.push_back({"binary.loads", "It loads.", Pass(), 0.25, 0, ""});
  report.results.push_back({"contract.erp.push_changes", "It takes <changes>.",
                            Fail("a & b", "bytes \xff\x01 and ]]> \xef\xbf\xbf", "mend it"), 0.5, 0,
                            ""});
  report.results.push_back({"redaction.secrets", "It keeps them.", Skip("it has none"), 0, 0, ""});
  return report;
}

TEST(ReportTest, JUnitIsXmlWhateverAPluginSays) {
  std::stringstream xml;
  WriteJUnit(Sample(), xml);
  boost::property_tree::ptree tree;
  ASSERT_NO_THROW(boost::property_tree::read_xml(xml, tree)) << xml.str();
  const auto& suite = tree.get_child("testsuites.testsuite");
  EXPECT_EQ(suite.get<std::string>("<xmlattr>.name"), "/opt/a & b/acme.so");
  EXPECT_EQ(suite.get<int>("<xmlattr>.tests"), 3);
  EXPECT_EQ(suite.get<int>("<xmlattr>.failures"), 1);
  EXPECT_EQ(suite.get<int>("<xmlattr>.skipped"), 1);
  int cases = 0;
  for (const auto& [name, test] : suite) {
    if (name != "testcase") continue;
    ++cases;
    if (test.get<std::string>("<xmlattr>.classname") != "contract") continue;
    const std::string failure = test.get<std::string>("failure");
    EXPECT_THAT(failure, testing::HasSubstr("expected: a & b"));
    EXPECT_THAT(failure, testing::HasSubstr("]]>"));
    EXPECT_THAT(failure, testing::HasSubstr("--seed 42 --group contract"));
    for (const char c : failure) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n');
    EXPECT_THAT(failure, testing::Not(testing::HasSubstr("\xef\xbf\xbf")));
  }
  EXPECT_EQ(cases, 3);
}

TEST(ReportTest, JsonSaysTheSame) {
  std::stringstream out;
  WriteJson(Sample(), out);
  const auto json = nlohmann::json::parse(out.str());
  EXPECT_EQ(json.at("passed"), 1);
  EXPECT_EQ(json.at("failed"), 1);
  EXPECT_EQ(json.at("skipped"), 1);
  EXPECT_EQ(json.at("tests").at(1).at("state"), "failed");
  EXPECT_EQ(json.at("tests").at(2).at("why"), "it has none");
}

}  // namespace
}  // namespace aftersales::conformance
