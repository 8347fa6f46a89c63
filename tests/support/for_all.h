// Random cases of a property, and the way back to one that failed.
//
//   TEST(Allocate, SumsToTheTotal) {
//     ForAll(100'000, [](Random& random) { ... EXPECT_EQ(...) << "of " << total; });
//   }
//
// Every run takes a new seed and prints it. The first case that fails ends the test and says how to
// run it alone:
//
//   AFTERSALES_PROPERTY_SEED=8123 AFTERSALES_PROPERTY_CASES=1 aftersales_domain_test ...
//
// AFTERSALES_PROPERTY_CASES also makes a run longer or shorter.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace aftersales::testing_util {

// What a case makes its choices with. The same seed gives the same choices with every compiler and
// library, which the distributions of the standard do not promise.
class Random {
 public:
  using result_type = uint64_t;
  explicit Random(uint64_t seed) : state_(seed) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return UINT64_MAX; }
  // SplitMix64.
  result_type operator()() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Any of `from` to `to`, both included.
  int64_t Between(int64_t from, int64_t to) {
    const uint64_t span = static_cast<uint64_t>(to) - static_cast<uint64_t>(from) + 1;
    const uint64_t offset = span == 0 ? (*this)() : (*this)() % span;
    return static_cast<int64_t>(static_cast<uint64_t>(from) + offset);
  }
  int Int(int from, int to) { return static_cast<int>(Between(from, to)); }
  // True once in `n` times.
  bool OneIn(int n) { return Between(1, n) == 1; }
  template <typename T>
  const T& Of(const std::vector<T>& choices) {
    return choices[static_cast<size_t>(Between(0, static_cast<int64_t>(choices.size()) - 1))];
  }
  // Small ones as often as large ones: of so many bits as chance gives, at most `bits`.
  int64_t Amount(int bits) {
    return static_cast<int64_t>((*this)() & ((uint64_t{1} << Between(0, bits)) - 1));
  }
  template <typename T>
  void Shuffle(std::vector<T>* items) {
    for (size_t i = items->size(); i > 1; --i) {
      std::swap((*items)[i - 1],
                (*items)[static_cast<size_t>(Between(0, static_cast<int64_t>(i) - 1))]);
    }
  }

 private:
  uint64_t state_;
};

// Runs a property on so many cases; case n has the seed plus n.
template <typename Property>
void ForAll(int64_t cases, Property property) {
  uint64_t seed = (uint64_t{std::random_device{}()} << 16) ^ std::random_device{}();
  if (const char* given = std::getenv("AFTERSALES_PROPERTY_SEED")) {
    seed = std::strtoull(given, nullptr, 10);
  }
  if (const char* given = std::getenv("AFTERSALES_PROPERTY_CASES")) {
    cases = std::strtoll(given, nullptr, 10);
  }
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string name = std::string(test->test_suite_name()) + "." + test->name();
  std::cout << name << ": " << cases << " cases from seed " << seed << std::endl;
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  for (int64_t n = 0; n < cases; ++n) {
    Random random(seed + static_cast<uint64_t>(n));
    property(random);
    if (!::testing::Test::HasFailure()) continue;
    std::cout << "case " << n << " failed; again, alone: AFTERSALES_PROPERTY_SEED="
              << seed + static_cast<uint64_t>(n)
              << " AFTERSALES_PROPERTY_CASES=1 and --gtest_filter=" << name << std::endl;
    return;
  }
}

}  // namespace aftersales::testing_util
