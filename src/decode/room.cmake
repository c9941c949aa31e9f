attend_room(decode TORCH SOURCES search.cpp maps.cpp translator.cpp evaluate.cpp examples.cpp KNOWS store measure)
