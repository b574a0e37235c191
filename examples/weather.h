/* The events of the weather pipeline, for weather.c and weather.cc. */
#ifndef WEATHER_H
#define WEATHER_H

#include <maiko/maiko.h>

#define ALERT_ABOVE_CELSIUS 30.0

#define READING_FIELDS(F)                                                                                                        \
    F(STRING, date, 11)                                                                                                          \
    F(DOUBLE, precipitation_mm)                                                                                                  \
    F(DOUBLE, high_celsius)                                                                                                      \
    F(DOUBLE, low_celsius)
MAIKO_EVENT(reading, "weather/reading", READING_FIELDS)

#define ALERT_FIELDS(F)                                                                                                          \
    F(STRING, date, 11)                                                                                                          \
    F(DOUBLE, high_celsius)
MAIKO_EVENT(alert, "weather/alert", ALERT_FIELDS)

#define SUMMARY_FIELDS(F)                                                                                                        \
    F(STRING, month, 8)                                                                                                          \
    F(UINT32, days)                                                                                                              \
    F(DOUBLE, rain_mm)                                                                                                           \
    F(DOUBLE, highest_celsius)                                                                                                   \
    F(DOUBLE, lowest_celsius)
MAIKO_EVENT(summary, "weather/summary", SUMMARY_FIELDS)

#endif
