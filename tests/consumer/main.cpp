// Uses the installed library as another project would.
#include <attend/core/error.h>

#include <iostream>
#include <string>
#include <vector>

int main() {
  const std::vector<std::string> mechanisms{"additive", "scaled_dot", "multi_head"};
  std::cout << "nearest: " << attend::nearest_name("aditive", mechanisms) << '\n';
}
