// The examples of tracking numbers in tests/data/formulas.json, whichever are in it.
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "plugins/carriers/dhl/dhl_rules.h"
#include "plugins/carriers/epacket/epacket_rules.h"

namespace aftersales::carriers {
namespace {

using nlohmann::json;

std::vector<json> TrackingExamples() {
  std::ifstream file(AFTERSALES_SOURCE_DIR "/tests/data/formulas.json");
  EXPECT_TRUE(file) << "tests/data/formulas.json is missing";
  std::vector<json> examples;
  for (const json& example : json::parse(file)) {
    if (example.at("group").get<std::string>().rfind("F.", 0) == 0) examples.push_back(example);
  }
  return examples;
}

// The verdict of the carrier that has numbers of this form, as the host would have it.
Verdict Judge(const std::string& number, const std::string& carrier, int scans) {
  const Query query{number, carrier, ResolveStatedCarrier(carrier), scans};
  Verdict postal = JudgeEpacket(query);
  return postal.validity == Validity::kUnknown ? JudgeDhl(query) : postal;
}

bool IsGood(const Verdict& verdict) {
  return verdict.validity == Validity::kValid || verdict.validity == Validity::kUnscanned;
}

TEST(TrackingFormulasTest, NumbersAndTheirCheckDigits) {
  int numbers_seen = 0;
  for (const json& example : TrackingExamples()) {
    const json& inputs = example.at("inputs");
    const json& outputs = example.at("outputs");
    if (!inputs.contains("numbers")) continue;
    const auto numbers = inputs.at("numbers").get<std::vector<std::string>>();
    const auto good =
        outputs.at(outputs.contains("valid") ? "valid" : "format_ok").get<std::vector<bool>>();
    ASSERT_EQ(numbers.size(), good.size()) << example.at("id");
    for (std::size_t i = 0; i < numbers.size(); ++i, ++numbers_seen) {
      const Verdict verdict = Judge(numbers[i], "", 1);
      EXPECT_EQ(IsGood(verdict), good[i])
          << example.at("id") << " " << numbers[i] << ": " << verdict.text();
    }
    S10 s10;
    if (outputs.contains("check")) {
      ASSERT_TRUE(ParseS10(numbers.at(0), s10)) << example.at("id");
      EXPECT_EQ(s10.expected_check_digit(), outputs.at("check").get<int>()) << example.at("id");
    }
    if (outputs.contains("mod")) {
      const std::string serial = numbers.at(0).substr(0, numbers.at(0).size() - 1);
      EXPECT_EQ(Mod7CheckDigit(serial), outputs.at("mod").get<int>()) << example.at("id");
    }
  }
  EXPECT_GE(numbers_seen, 12);
}

TEST(TrackingFormulasTest, ValidTrackingNeedsFormCarrierAndScan) {
  struct Case {
    const char* words;
    const char* carrier;
    int scans;
    bool bad_form;
  };
  constexpr Case kCases[] = {{"ok+3 scans", "", 3, false},
                             {"ok+0 scans", "", 0, false},
                             {"bad format", "", 3, true},
                             {"ok format but other carrier", "UPS", 3, false}};
  struct Carrier {
    const char* name;
    const char* good;
    const char* bad;
  };
  constexpr Carrier kCarriers[] = {{"EUB", "LK123456785CN", "LK12345678CN"},
                                   {"DHL Express", "3318810025", "331881002"},
                                   {"DHL Global Mail", "GM2951173225174494", "GS2951173225174494"}};
  constexpr const char* kNames[] = {"VALID", "UNSCANNED", "INVALID", "UNKNOWN"};
  int cases_seen = 0;
  for (const json& example : TrackingExamples()) {
    if (!example.at("inputs").contains("cases")) continue;
    const std::string words = example.at("inputs").at("cases");
    const auto expected = example.at("outputs").at("v").get<std::vector<std::string>>();
    std::size_t at = 0;
    for (std::size_t i = 0; i < expected.size(); ++i, ++cases_seen) {
      const std::size_t end = std::min(words.find("; ", at), words.size());
      const std::string case_words = words.substr(at, end - at);
      at = end + 2;
      const Case* found = nullptr;
      for (const Case& known : kCases) {
        if (case_words == known.words) found = &known;
      }
      ASSERT_NE(found, nullptr) << "unknown case: " << case_words;
      for (const Carrier& carrier : kCarriers) {
        const Verdict verdict =
            Judge(found->bad_form ? carrier.bad : carrier.good,
                  *found->carrier != '\0' ? found->carrier : carrier.name, found->scans);
        EXPECT_EQ(kNames[static_cast<int>(verdict.validity)], expected[i])
            << case_words << ", " << carrier.name << ": " << verdict.text();
      }
    }
  }
  EXPECT_GE(cases_seen, 4);
}

}  // namespace
}  // namespace aftersales::carriers
