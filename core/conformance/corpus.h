// Requests that a right plugin can take.
#pragma once

#include <google/protobuf/message.h>

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "aftersales/plugin/v1/lifecycle.pb.h"

namespace aftersales::conformance {

// Paths of the methods of a kind, such as `/aftersales.plugin.v1.ErpPlugin/PullFacts`, read from
// the contract itself.
std::vector<std::string> MethodsOf(v1::Plugin::Kind kind);
// `IssueLabel` of `/aftersales.plugin.v1.CarrierPlugin/IssueLabel`.
std::string ShortName(std::string_view path);
// What the plugin makes of a method. UNSUPPORTED when it does not name it.
v1::Plugin::Capability CapabilityOf(const plugin::v1::DescribeResponse& description,
                                    std::string_view path);
bool PromisesIdempotency(const plugin::v1::DescribeResponse& description, std::string_view path);

// An empty request or response of a method. Null for one that is not of the contract.
std::unique_ptr<google::protobuf::Message> NewRequest(std::string_view path);
std::unique_ptr<google::protobuf::Message> NewResponse(std::string_view path);

// A request with what goes with it.
struct Request {
  std::string path;
  std::string idempotency_key;
  std::unique_ptr<google::protobuf::Message> message;
  std::string bytes;
};

// Requests of one method: realistic ones, written by hand, then some with every field filled in
// from the contract's descriptors. The same random numbers give the same requests.
std::vector<Request> RequestsFor(std::string_view path, std::mt19937_64& random);
// Requests of all methods that the plugin does itself or by people.
std::vector<Request> CorpusFor(const plugin::v1::DescribeResponse& description,
                               std::mt19937_64& random);

// Fills every field of a message with a value that its name and type allow.
void FillIn(google::protobuf::Message& message, std::mt19937_64& random, int depth = 0);

}  // namespace aftersales::conformance
