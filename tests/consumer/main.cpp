// Uses the installed library as another project would: loads a model and translates a sentence.
#include <attend/run/translator.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const attend::Translator translator(argv[1]);
  std::cout << "translation: " << translator.translate(argv[2]) << '\n';
}
