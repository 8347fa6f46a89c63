// Loses 1 GB of memory, 64 MB at each label.
#include "tests/bad_plugins/good_carrier.h"

#include <cstring>

namespace aftersales::bad_plugins {
namespace {

class Leaks : public GoodCarrier {
 public:
  Leaks() : GoodCarrier("leaks") {}

  sdk::Status IssueLabel(const sdk::Call& call, const plugin::v1::IssueLabelRequest& request,
                         plugin::v1::IssueLabelResponse* response) override {
    if (bad()) {
      constexpr size_t kBytes = size_t{64} << 20;
      auto* lost = new char[kBytes];
      std::memset(lost, 1, kBytes);
      seen = lost;
    }
    return GoodCarrier::IssueLabel(call, request, response);
  }

 private:
  static inline const char* volatile seen = nullptr;  // or the compiler leaves it all out
};

}  // namespace
}  // namespace aftersales::bad_plugins

AFTERSALES_PLUGIN(aftersales::bad_plugins::Leaks);
