// The rules of ePacket (EUB, e邮宝, K-Packet …) and of S10 numbers at large.
#pragma once

#include "plugins/carriers/rules/verdict.h"

namespace aftersales::carriers {

// Judges one number. Good numbers cost no allocation. An ePacket is an L-series S10 number of a few
// posts; other S10 numbers are judged too and named by their service (`registered`, `ems` …).
// kRuleEpacketService: ePacket was stated, but the number is of another service or post.
Verdict JudgeEpacket(const Query& query);

inline constexpr std::string_view kEpacket = "epacket";
inline constexpr std::string_view kRuleEpacketService = "epacket-service";

}  // namespace aftersales::carriers
