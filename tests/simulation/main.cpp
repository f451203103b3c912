// The whole of withdrawd's decisions in a world of its own: see story.hpp for what can happen,
// referee.cpp for what must never happen.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <random>
#include <string_view>

#include "world.hpp"

using namespace withdrawd;
using namespace withdrawd::simulation;

namespace {

constexpr std::size_t ordinary_steps = 4'000'000;
constexpr std::size_t fresh_steps = 1'000'000;
/// Beside the known ones, in a run that all who change something wait for.
constexpr std::size_t few_fresh_steps = 250'000;

struct Found {
  std::uint64_t seed;
  std::size_t steps;  ///< until it was found
};

double in_seconds(core::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// Leaves out of the story what does not matter to how it ends.
Story shrink(const Setting& setting, Story story, std::uint64_t seed, Planted planted) {
  const auto ends_badly = [&](const Story& candidate) {
    return play(setting, candidate, seed, planted).violation.has_value();
  };
  for (std::size_t piece = std::max<std::size_t>(1, story.size() / 2); piece > 0; piece /= 2) {
    for (std::size_t from = 0; from < story.size();) {
      Story shorter = story;
      const auto first = shorter.begin() + static_cast<std::ptrdiff_t>(from);
      shorter.erase(first,
                    first + static_cast<std::ptrdiff_t>(std::min(piece, shorter.size() - from)));
      if (ends_badly(shorter)) {
        story = std::move(shorter);
      } else {
        from += piece;
      }
    }
  }
  return story;
}

void tell(std::uint64_t seed, Planted planted) {
  const Setting setting = make_setting(seed);
  const Story whole = make_story(seed, setting, story_length);
  const Story story = shrink(setting, whole, seed, planted);
  const Run run = play(setting, story, seed, planted, true);
  const auto began = core::Time{} + std::chrono::hours(1);
  fmt::print("\nseed {}: {} things happened, of which {} matter\n\nThe world: {}\n\nThe story:\n",
             seed, whole.size(), story.size(), in_words(setting));
  for (const Happening& happening : story) {
    if (began + happening.at > run.violation->at) break;
    fmt::print("  {:>9.3f} s  {}\n", in_seconds(happening.at), in_words(happening, setting));
  }
  fmt::print("  {:>9.3f} s  AGAINST THE RULES: {}\n\nThe last of it as withdrawd saw it:\n",
             in_seconds(run.violation->at - began), run.violation->text);
  const std::size_t shown = std::min<std::size_t>(run.log.size(), 60);
  for (std::size_t i = run.log.size() - shown; i < run.log.size(); ++i) {
    fmt::print("{}\n", run.log[i]);
  }
  fmt::print("\nAgain: test_simulation --seed {} --steps 1{}\n", seed,
             planted == Planted::none
                 ? std::string()
                 : fmt::format(" --planted {}", planted_names[static_cast<std::size_t>(planted)]));
}

/// Plays story after story, from `seed` on, for `steps` steps or until one ends badly.
std::optional<Found> search(std::uint64_t seed, std::size_t steps, Planted planted,
                            bool report = false) {
  std::size_t done = 0;
  std::size_t stories = 0;
  core::Duration lived{};
  while (done < steps) {
    const Setting setting = make_setting(seed);
    const Run run = play(setting, make_story(seed, setting, story_length), seed, planted);
    done += run.steps;
    lived += run.lasted;
    ++stories;
    if (run.violation) return Found{seed, done};
    ++seed;
  }
  if (report) {
    fmt::print("{} steps in {} stories, {:.1f} hours of a withdrawd's life: all kept the rules\n",
               done, stories, in_seconds(lived) / 3600);
  }
  return std::nullopt;
}

bool keeps_the_rules(std::uint64_t seed, std::size_t steps, Planted planted) {
  const auto found = search(seed, steps, planted, true);
  if (found) tell(found->seed, planted);
  return !found;
}

/// Stories that nobody has seen before.
bool fresh(std::size_t steps) {
  const std::uint64_t seed = std::uint64_t{std::random_device()()} << 16;
  fmt::print("a fresh seed: {} (again: --seed {} --steps {})\n", seed, seed, steps);
  std::fflush(stdout);
  return keeps_the_rules(seed, steps, Planted::none);
}

/// Is every planted bug found within an ordinary run?
bool bites() {
  bool all = true;
  for (std::size_t i = 1; i < planted_names.size(); ++i) {
    const auto found = search(1, ordinary_steps, static_cast<Planted>(i));
    if (found) {
      fmt::print("{}: found by seed {} after {} steps\n", planted_names[i], found->seed,
                 found->steps);
    } else {
      fmt::print("{}: NOT FOUND in {} steps\n", planted_names[i], ordinary_steps);
      all = false;
    }
  }
  return all;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

int usage() {
  fmt::print(
      stderr,
      "usage: test_simulation                      the ordinary run: fixed seeds, then --fresh\n"
      "       test_simulation --seed N [--steps N] from that seed on\n"
      "       test_simulation --fresh              from a seed of its own, which it prints\n"
      "       test_simulation --bites              is each planted bug found?\n"
      "       ... --planted NAME                   with a bug: {}\n",
      fmt::join(planted_names, ", "));
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> steps;
  Planted planted = Planted::none;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--bites") return bites() ? 0 : 1;
    if (option == "--fresh") return fresh(fresh_steps) ? 0 : 1;
    if (i + 1 == argc) return usage();
    const std::string_view value = argv[++i];
    if (option == "--seed") {
      if (!(seed = number(value))) return usage();
    } else if (option == "--steps") {
      if (!(steps = number(value))) return usage();
    } else if (option == "--planted") {
      const auto found = std::ranges::find(planted_names, value);
      if (found == planted_names.end()) return usage();
      planted = static_cast<Planted>(found - planted_names.begin());
    } else {
      return usage();
    }
  }
  if (seed) return keeps_the_rules(*seed, steps.value_or(ordinary_steps), planted) ? 0 : 1;

  const bool known = keeps_the_rules(1, steps.value_or(ordinary_steps), planted);
  if (planted != Planted::none) return known ? 0 : 1;
  return fresh(few_fresh_steps) && known ? 0 : 1;
}
