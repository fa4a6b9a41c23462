#include "client/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

namespace nakadachi::cli {

Option Option::Required() {
  option_->required();
  return *this;
}

Option Option::OneOf(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
  return *this;
}

Option Option::Within(int64_t lowest, int64_t highest) {
  CLI::Range range(lowest, highest);
  // By itself it names the type of the limits, not the option's.
  range.description(absl::StrCat(option_->get_type_name(), " in [", lowest, " - ", highest, "]"));
  option_->check(range);
  return *this;
}

Option Option::Needs(Option other) {
  option_->needs(other.option_);
  return *this;
}

Option Option::Excludes(Option other) {
  option_->excludes(other.option_);
  return *this;
}

Option Command::Add(const std::string& name, std::string& into, const std::string& help) {
  return Option(app_->add_option(name, into, help));
}

Option Command::Add(const std::string& name, int& into, const std::string& help) {
  return Option(app_->add_option(name, into, help));
}

Option Command::Add(const std::string& name, int64_t& into, const std::string& help) {
  return Option(app_->add_option(name, into, help));
}

Option Command::Add(const std::string& name, uint32_t& into, const std::string& help) {
  return Option(app_->add_option(name, into, help));
}

Option Command::Add(const std::string& name, uint64_t& into, const std::string& help) {
  return Option(app_->add_option(name, into, help));
}

Option Command::Add(const std::string& name, std::vector<std::string>& into,
                    const std::string& help) {
  return Option(app_->add_option(name, into, help));
}

Option Command::Add(const std::string& name, std::vector<uint64_t>& into, const std::string& help) {
  return Option(app_->add_option(name, into, help));
}

Option Command::AddFlag(const std::string& name, bool& into, const std::string& help) {
  return Option(app_->add_flag(name, into, help));
}

std::string Command::Name() const { return app_->get_name(); }

void Command::Footer(const std::string& text) { app_->footer(text); }

Command Command::Subcommand(const std::string& name, const std::string& help) {
  return Command(app_->add_subcommand(name, help));
}

Command Command::Group(const std::string& name, const std::string& help,
                       const std::string& footer) {
  CLI::App* const group = app_->add_subcommand(name, help);
  group->require_subcommand(1);
  group->footer(footer);
  return Command(group);
}

void Command::OnNamed(std::function<void()> then) { app_->callback(std::move(then)); }

}  // namespace nakadachi::cli
