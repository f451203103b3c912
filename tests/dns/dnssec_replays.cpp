// The validator against a validating resolver's own scenarios, which are not part of this project:
// dnssec_replays FOLDER, or $WITHDRAWD_DNSSEC_REPLAYS. Exits with 77 (skipped) where it is not.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "dns/validation.hpp"
#include "replay.hpp"

using namespace withdrawd;
using namespace withdrawd::dns;

namespace {

/// Scenarios that do not apply to asking one server, and why.
const std::map<std::string, std::string, std::less<>> not_for_one_server{
    {"val_adcopy", "has no trust anchor: about the AD bit of a resolver that does not validate"},
    {"val_any", "asks for ANY, which a check cannot"},
    {"val_any_cap", "asks for ANY, which a check cannot"},
    {"val_any_cname", "asks for ANY, which a check cannot"},
    {"val_any_dname", "asks for ANY, which a check cannot"},
    {"val_nodata_entnx",
     "a resolver mends the answer of a server that says NXDOMAIN of an empty name (to NOERROR); "
     "here that is a fault of the server"},
    {"val_noadwhennodo", "asks without DO: the answer does not tell whether it has been validated"},
    {"val_nsec3_b5_wcnodata_nowc",
     "asks without DO: the answer does not tell secure from insecure, which it is by opt-out"},
    {"val_nsec3_wcany", "asks for ANY, which a check cannot"},
    {"val_nsec3_wcany_nodeny", "asks for ANY, which a check cannot"},
    {"val_referd", "about a referral out of a resolver's cache"},
    {"val_referglue", "about a referral out of a resolver's cache"},
    {"val_ta_algo_missing",
     "with harden-algo-downgrade: each algorithm of the anchors must sign; RFC 6840, 5.11 has one "
     "be enough, as val_ta_algo_missing_dp does"},
};

enum class Status { secure, insecure, bogus, untold };

Status wanted(const ReplayEntry& query, const ReplayEntry& answer) {
  if (answer.says("SERVFAIL")) return Status::bogus;
  if (answer.says("AD")) return Status::secure;
  return query.says("DO") || query.says("AD") ? Status::insecure : Status::untold;
}

struct Found {
  Status status;
  std::string why{};
};

/// As the program judges it; nothing if the server has no answer of its own at that step.
std::optional<Found> judged(const Replay& replay, long step, const ReplayEntry& query) {
  const ReplayServer server(replay, step);
  const auto answer = server.answer(query.name, query.type);
  if (!answer) return {};
  const auto anchors = core::parse_trust_anchors(replay.anchors);
  if (!anchors) return Found{Status::untold, anchors.error().text()};
  Validation validation({*anchors, {}}, query.name, query.type, replay.now);
  validation.judge(answer->message(query.name, query.type));
  while (const auto needed = validation.next()) {
    const auto keys = server.answer(needed->name, needed->type);
    if (!keys)
      return Found{Status::bogus, fmt::format("{} {}: no answer", type_text(needed->type),
                                              name_text(needed->name))};
    validation.take(*needed, keys->message(needed->name, needed->type));
  }
  if (!validation.wrong().empty()) return Found{Status::bogus, validation.wrong()};
  if (validation.opted_out()) return Found{Status::insecure, "good, but for opt-out"};
  return Found{Status::secure, "good"};
}

std::string_view text(Status status) {
  return status == Status::secure ? "secure" : status == Status::insecure ? "insecure" : "bogus";
}

}  // namespace

int main(int count, char** arguments) {
  const char* given = std::getenv("WITHDRAWD_DNSSEC_REPLAYS");
  const std::filesystem::path folder = given != nullptr ? given : count > 1 ? arguments[1] : "";
  if (!std::filesystem::is_directory(folder)) {
    fmt::print("skipped: no scenarios in {}; set WITHDRAWD_DNSSEC_REPLAYS\n", folder.string());
    return 77;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder))
    if (file.path().extension() == ".rpl") files.push_back(file.path());
  std::ranges::sort(files);
  unsigned failed = 0;
  unsigned passed = 0;
  unsigned apart = 0;
  std::map<Status, unsigned> judgements;
  for (const auto& file : files) {
    const auto name = file.stem().string();
    if (const auto found = not_for_one_server.find(name); found != not_for_one_server.end()) {
      fmt::print("apart   {}: {}\n", name, found->second);
      ++apart;
      continue;
    }
    const auto replay = ReplayReader(file.string()).read();
    bool good = true;
    unsigned judgements_here = 0;
    std::string why;
    const ReplayStep* query = nullptr;
    for (const auto& step : replay.steps) {
      if (step.what == "QUERY") query = &step;
      if (step.what != "CHECK_ANSWER" || query == nullptr) continue;
      const auto want = wanted(query->entry, step.entry);
      const auto found = judged(replay, query->number, query->entry);
      // A resolver answers from its cache, or may be asked in a way that does not tell.
      if (!found || want == Status::untold) continue;
      ++judgements_here;
      why = found->why;
      ++judgements[want];
      // What is not signed is as wrong as what is signed badly where signatures are wanted.
      if (found->status == want || (found->status == Status::bogus && want == Status::insecure))
        continue;
      good = false;
      fmt::print("FAILED  {}, step {}, {} {}: must be {}, is {}: {}\n", name, query->number,
                 name_text(query->entry.name), type_text(query->entry.type), text(want),
                 text(found->status), found->why);
    }
    if (judgements_here == 0) {
      good = false;
      fmt::print("FAILED  {}: nothing of it has been judged\n", name);
    }
    if (good) fmt::print("passed  {}: {}\n", name, why);
    ++(good ? passed : failed);
  }
  fmt::print(
      "{} scenarios: {} passed, {} failed, {} do not apply; {} answers had to be secure, {} "
      "insecure, {} bogus\n",
      files.size(), passed, failed, apart, judgements[Status::secure], judgements[Status::insecure],
      judgements[Status::bogus]);
  return failed == 0 && passed > 0 ? 0 : 1;
}
