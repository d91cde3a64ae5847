# frozen_string_literal: true

module Bench
  # Median and extremes of one column of rounds.
  Spread = Data.define(:median, :min, :max) do
    # nil for no values: a peer that could not take part.
    def self.of(values)
      return if values.empty?

      sorted = values.sort
      middle = sorted.size / 2
      median = sorted.size.odd? ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2.0
      new(median:, min: sorted.first, max: sorted.last)
    end
  end
end
