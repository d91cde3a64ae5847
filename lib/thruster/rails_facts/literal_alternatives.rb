# frozen_string_literal: true

require "strscan"

module Thruster
  class RailsFacts
    # Reads a regexp that is nothing but texts to choose from, such as those into which Rails compiles its filters:
    # /(?i:passw)|(?i:email)|\Atoken\z/ has passw, email and token. Whatever it matches contains one of them.
    class LiteralAlternatives
      # The texts, or nil for a regexp of another kind.
      def self.of(regexp)
        new(regexp.source).read unless regexp.options.anybits?(Regexp::EXTENDED)
      end

      def initialize(source)
        @source = StringScanner.new(source)
      end

      def read
        texts = alternatives
        texts if texts && @source.eos? && texts.none?(&:empty?)
      end

      private
        def alternatives
          texts = []
          loop do
            branch = branch() or return
            texts.concat branch
            return texts unless @source.skip(/\|/)
          end
        end

        # A group alone, or a text; anchors only make it match less.
        def branch
          skip_anchors
          texts = @source.skip(/\((?:\?(?:[mi]*(?:-[mix]+)?):)?(?!\?)/) ? group : [ literal ]
          skip_anchors
          texts if texts && (@source.eos? || @source.check(/[|)]/))
        end

        def group
          texts = alternatives
          texts if @source.skip(/\)/)
        end

        def literal
          text = +""
          while piece = @source.scan(/\\[^a-zA-Z0-9]|[^\\.\[\](){}*+?^$|]+/)
            text << piece.delete_prefix("\\")
          end
          text
        end

        def skip_anchors
          @source.skip(/(?:\^|\$|\\[AzZbG])+/)
        end
    end
  end
end
