// Which folder may include what. The tables are in include_rules.cc.
#ifndef NAKADACHI_TESTS_STRUCTURE_INCLUDE_RULES_H_
#define NAKADACHI_TESTS_STRUCTURE_INCLUDE_RULES_H_

#include <map>
#include <string>
#include <vector>

namespace nakadachi {

// A source file's path from the root of the tree, and what it includes, in their order.
using Sources = std::map<std::string, std::vector<std::string>>;

// The includes of a file's text.
std::vector<std::string> IncludesOf(const std::string& text);

// All C++ files of the project below `root`.
Sources ReadSources(const std::string& root);

// One line a violation: the file, the include (for what is reached through other headers, the
// way to it), and the rule.
std::vector<std::string> Violations(const Sources& sources);

}  // namespace nakadachi

#endif  // NAKADACHI_TESTS_STRUCTURE_INCLUDE_RULES_H_
