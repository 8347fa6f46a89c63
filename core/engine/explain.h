// Why a decision was made, as it stands in the audit: rules with their version, what they looked
// at, the verdict and a sentence.
#pragma once

#include <string>
#include <string_view>

#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/policy.pb.h"
#include "core/domain/policy_book.h"
#include "core/status/text.h"

namespace aftersales::engine {

class Explain {
 public:
  Explain(v1::Event* fact, std::string_view verdict, std::string_view sentence)
      : why_(*fact->mutable_explanation()) {
    why_.set_verdict(std::string(verdict));
    why_.set_sentence(std::string(sentence));
  }
  // `return_window@amazon-2026.1`, and the seller's own versions that went into it.
  Explain& Rule(std::string_view rule, const v1::Policy& policy) {
    why_.add_rules(Cat(rule, "@", PolicyTag(policy)));
    return *this;
  }
  // Nothing is noted for what is not known. Never buyer data.
  Explain& Input(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    v1::Explanation::Input* input = why_.add_inputs();
    input->set_name(std::string(name));
    input->set_value(std::string(value));
    return *this;
  }

 private:
  v1::Explanation& why_;
};

}  // namespace aftersales::engine
