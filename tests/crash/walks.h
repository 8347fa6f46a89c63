// The lifecycles that clients walk while the host is killed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/crash/client.h"

namespace aftersales::crash {

// Walks differ by kind and, within a kind, by units and condition. Two walks of one variant end
// alike.
inline constexpr int kVariants = 45;

// What a walk has made.
struct Walked {
  int variant = 0;
  std::string external_id;           // of its order
  std::string order;                 // names
  std::vector<std::string> returns;  // in the order of making
  std::vector<std::string> refunds;
  std::vector<std::string> exchanges;
  std::vector<std::string> reversed;  // refunds whose money came back
  std::vector<std::string> decided;   // returns whose decision the marketplace has to know
  std::string refused;                // not empty: it broke off
};

// Binds the channel that all walks are on.
void Bind(Client& client);

// Walks one variant, on an order of its own. `effects` is the marketplace's log, where a person
// looks who has to settle a refund that nobody knows the outcome of.
Walked Walk(Client& client, int variant, const std::string& external_id,
            const std::filesystem::path& effects);

// The end of a walk as text, without what two walks cannot have alike.
std::string EndOf(Client& client, const Walked& walked);

}  // namespace aftersales::crash
