# frozen_string_literal: true

require_relative "literal_alternatives"

module Thruster
  class RailsFacts
    # Rails' config.filter_parameters as thrust's FILTER_PARAMETERS: words that mask each parameter with one of them in its
    # name. It masks what Rails masks, and where it cannot say so exactly, more: what has no words masks everything.
    class FilterWords
      EVERYTHING = "*"

      def initialize(filters)
        @filters = filters
      end

      def to_a
        words = @filters.map { words_of(_1) }
        words.all? ? words.flatten.uniq : [ EVERYTHING ]
      end

      # Filters that no words say, such as procs.
      def beyond_words
        @filters.reject { words_of(_1) }
      end

      private
        def words_of(filter)
          literals =
            case filter
            when Regexp then LiteralAlternatives.of(filter)
            when String, Symbol then [ filter.to_s ]
            end
          words = literals&.map { pieces(_1) }
          words if words&.none?(&:empty?)
        end

        # A dot stands between the names of nested parameters; the innermost is in the name that thrust sees. A comma would
        # begin another word.
        def pieces(literal)
          literal.split(".").last.to_s.split(",").map(&:strip).reject(&:empty?)
        end
    end
  end
end
