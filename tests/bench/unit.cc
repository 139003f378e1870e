// SPDX-License-Identifier: MIT
// The unit of mkbig: ordinary C++ that instantiates and inlines much.
#include <regex>
#include <map>
#include <unordered_map>
#include <set>
#include <string>
#include <vector>
#include <sstream>
#include <algorithm>
#include <functional>
namespace unit_7 {
struct item { int key; std::string name; std::vector<double> values; std::map<int, std::string> notes; };
static std::map<std::string, std::vector<item>> store;
std::string work(const std::string &text, int n)
{
	std::regex words("[a-z]+([0-9]*)");
	std::unordered_map<std::string, std::set<int>> index;
	std::ostringstream out;
	for (std::sregex_iterator i(text.begin(), text.end(), words), end; i != end; ++i)
		index[i->str()].insert(n + i->position());
	for (auto &p : index) {
		item one = { n, p.first, std::vector<double>(n), {} };
		for (int k : p.second)
			one.notes[k] = p.first + std::to_string(k);
		store[p.first].push_back(one);
	}
	for (auto &p : store) {
		std::sort(p.second.begin(), p.second.end(), [](const item &a, const item &b) { return a.key < b.key; });
		out << p.first << p.second.size();
	}
	std::function<int(int)> f = [&](int x) { return x ? f(x - 1) + n : 0; };
	out << f(n);
	return out.str();
}
}
