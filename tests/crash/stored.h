// All that a seller has in a host, read through the API, and what has to be true of it whatever
// happened.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/crash/client.h"

namespace aftersales::crash {

// By name; events in the order of recording.
struct Stored {
  std::map<std::string, v1::Channel> channels;
  std::map<std::string, v1::Order> orders;
  std::map<std::string, v1::Return> returns;
  std::map<std::string, v1::Refund> refunds;
  std::map<std::string, v1::Exchange> exchanges;
  std::vector<v1::Event> events;
};

Stored ReadAll(Client& client);
std::vector<v1::Event> AllEvents(Client& client);

// Is called with each thing that is not as it has to be.
using Complain = std::function<void(const std::string&)>;

// The invariants of the model: no order gives back more than it captured and no unit is refunded
// twice; the lines of a refund are its total; every state is the fold of its facts; no clock runs
// on what is closed.
void CheckInvariants(const Stored& stored, const Complain& complain);

// The same of what the API does not show: a sound file, an empty outbox, an ERP feed at its end,
// and counters of metrics that are what a recount of everything gives.
void CheckDatabase(const Stored& stored, const std::filesystem::path& database,
                   const Complain& complain);

// The audit chain is whole, has every event, and still has in it all hashes that were kept on the
// way.
void CheckAudit(Client& client, const Stored& stored, const std::vector<std::string>& kept,
                const Complain& complain);

}  // namespace aftersales::crash
