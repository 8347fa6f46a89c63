// The base of every plugin, and the macro that registers one.
//
// Do not derive from Plugin itself but from the base of a kind: CarrierPlugin
// (aftersales/sdk/carrier.h), MarketplacePlugin (marketplace.h), ErpPlugin (erp.h) or
// AnalyticsPlugin (analytics.h).
//
// Threads: Describe, ValidateConfig and Configure are called by one thread and before anything
// else, Shutdown after everything else; all other methods by any thread, as many at once as
// `max_concurrency` in Describe says (one if it says nothing). A constructor must be cheap and do
// no I/O, since an object may be made only to be described or to look at settings. An exception
// that leaves a method becomes an INTERNAL error with its text.
#pragma once

#include <type_traits>

#include "aftersales/plugin/v1/lifecycle.pb.h"
#include "aftersales/sdk/call.h"
#include "aftersales/sdk/host.h"
#include "aftersales/sdk/status.h"
#include "google/protobuf/timestamp.pb.h"

namespace google::protobuf {
class Message;
class MessageLite;
}  // namespace google::protobuf

namespace aftersales::sdk {

// A plugin with full protobuf registers its descriptors a second time in the process of the host,
// and that aborts the host inside dlopen. Only lite messages may be compiled into a plugin.
template <typename M>
inline constexpr bool kIsLite = std::is_base_of_v<google::protobuf::MessageLite, M> &&
                                !std::is_base_of_v<google::protobuf::Message, M>;
static_assert(kIsLite<plugin::v1::DescribeResponse> && kIsLite<google::protobuf::Timestamp>,
              "plugins are built with lite messages: link aftersales_sdk_lite (which "
              "aftersales_add_plugin does) and take full protobuf headers off the include path");

// Base of all kinds.
class Plugin {
 public:
  Plugin() = default;
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  virtual ~Plugin() = default;

  // Who this is and what it can do. A method that is not listed with its capability is
  // UNSUPPORTED and never called. `kind` may be left out.
  virtual plugin::v1::DescribeResponse Describe() = 0;

  // Adds what is wrong with settings, without using them, on an object that is not configured.
  // Types and allowed values of config_fields were checked already. No I/O beyond a second; never
  // put the value of a secret into a problem. By default finds none.
  virtual Status ValidateConfig(const plugin::v1::ValidateConfigRequest& request,
                                plugin::v1::ValidateConfigResponse* response) {
    static_cast<void>(request), static_cast<void>(response);
    return Status::Ok();
  }

  // Sets the plugin up, once, before its other methods. Defaults of config_fields are filled in,
  // required ones are there, and unknown ones were refused by the host. INVALID_ARGUMENT names the
  // key and what would be right; never put the value of a secret into a message.
  virtual Status Configure(const plugin::v1::ConfigureRequest& request) {
    static_cast<void>(request);
    return Status::Ok();
  }

  // How it is. Answers within a second.
  virtual Status CheckHealth(plugin::v1::CheckHealthResponse* response) {
    response->set_healthy(true);
    return Status::Ok();
  }

  // It ends: called once on a configured object, when no call runs and none will come. At most five
  // seconds to write what has to be written. Not called after a crash, so nothing may depend on it.
  virtual Status Shutdown() { return Status::Ok(); }

  // What the host offers. Not there yet in the constructor.
  const Host& host() const { return host_; }
  // Called by the SDK before Configure, and by tests that bring a host of their own.
  void set_host(const Host& host) { host_ = host; }

 private:
  Host host_;
};

}  // namespace aftersales::sdk

#include "aftersales/sdk/internal/entry.h"

// Makes `Class`, which has a default constructor, the plugin of this shared object. In one .cc.
#define AFTERSALES_PLUGIN(Class)                                                 \
  extern "C" __attribute__((visibility("default"))) const aftersales_plugin_api* \
  aftersales_plugin_entry(const aftersales_host_api* host) {                     \
    return ::aftersales::sdk::internal::Entry<Class>::Get(host);                 \
  }                                                                              \
  static_assert(true, "so that a semicolon follows")
