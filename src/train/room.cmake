attend_room(train TORCH SOURCES config.cpp optimiser.cpp examples.cpp checkpoints.cpp trainer.cpp KNOWS decode LIBS nlohmann_json::nlohmann_json)
