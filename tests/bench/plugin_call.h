// The call into a plugin that is measured on every way to it, and how its plugins are loaded.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "aftersales/plugin/v1/marketplace.pb.h"
#include "core/plugins/registry.h"
#include "tests/bench/bench_host.h"

namespace aftersales::bench {

// The decision on a return, about 500 bytes.
plugin::v1::DecideReturnRequest MakeDecideReturn();
// What a plugin answers to it at once.
void AnswerDecideReturn(const plugin::v1::DecideReturnRequest& request,
                        plugin::v1::EffectResponse* response);

// In this process, or each in one of its own.
std::unique_ptr<plugins::PluginRegistry> LoadPlugins(const Workspace& workspace,
                                                     std::vector<std::filesystem::path> files,
                                                     bool isolated = false);

}  // namespace aftersales::bench
