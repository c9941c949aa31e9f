attend_room(record
  SOURCES record.cpp invariants.cpp writer.cpp reader.cpp
  KNOWS core)
