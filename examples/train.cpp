// Trains a small translator on a TSV file and translates with it.
#include <attend/run/translator.h>
#include <attend/train/trainer.h>
#include <iostream>

int main(int argc, char** argv) try {
  attend::GivenValues values;  // what a configuration file holds, by the keys that `attend keys` lists
  set_given(values, std::string("data.tsv=") + (argc > 1 ? argv[1] : "demo/data/train.tsv"), "train.cpp");
  set_given(values, std::string("train.out=") + (argc > 2 ? argv[2] : "runs/own"), "train.cpp");
  set_given(values, "train.steps=200", "train.cpp");
  attend::Trainer::Start start;
  assign(start.config, values);
  start.given = values;
  start.fit = true;  // what was not set is fitted to the corpus

  attend::TrainEvents events;
  events.validated = [](const attend::ValidationReport& report) {
    std::cerr << "update " << report.step;
    for (const auto& [name, value] : report.figures) std::cerr << "  " << name << ' ' << value;
    std::cerr << '\n';
  };
  attend::Trainer trainer(std::move(start), events);
  const std::atomic<bool> stop{false};  // set it to true from another thread or a signal handler: the run saves and returns
  const auto result = trainer.run(stop);

  const attend::Translator translator(result.best);
  std::cout << translator.translate("I love you") << '\n';
} catch (const attend::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
