# frozen_string_literal: true

require "ripper"

module Thruster
  # What a Gemfile says of thruster and thruster-rs, and how it reads once the second has taken the first's place.
  # Works on the text alone: the code in it is read, not run.
  class Gemfile
    OURS = "thruster-rs"
    THEIRS = "thruster"

    # Options that belong to one gem and mean nothing for another that takes its place.
    SOURCES = %w[require git github gist bitbucket branch tag ref path source glob submodules].freeze
    # As Rails writes it above the gem.
    COMMENT = %r{^[ \t]*#[^\n]*https://github\.com/basecamp/thruster[^\n]*\n}
    HOMEPAGE = "https://github.com/thruster-rs/thruster-rs"

    # A `gem` call: its name, and the byte ranges of the whole statement and of each argument.
    Declaration = Struct.new(:name, :range, :arguments)
    Argument = Struct.new(:text, :range) do
      # The key of `key: value` and `:key => value`, and what stands behind it.
      def option
        text.match(/\A(?:(?<key>\w+):|["'](?<key>\w+)["']:|:(?<key>\w+)\s*=>|["'](?<key>\w+)["']\s*=>)\s*(?<value>.*)\z/m)
      end

      def unrequired?
        option && option[:key] == "require" && %w[false []].include?(option[:value].delete(" "))
      end
    end

    def initialize(text)
      @text = text
    end

    def declares?(name)
      declarations.any? { _1.name == name }
    end

    # Whether Bundler.require loads our Railtie.
    def required?
      declared(OURS).none? { |declaration| declaration.arguments.any?(&:unrequired?) }
    end

    # The text with thruster-rs, loaded, in the place of thruster. Nothing else in it is changed.
    def adopted
      if declares?(OURS)
        dropped(THEIRS).edit(declared(OURS)) { |declaration| unwanted(declaration, &:unrequired?) }
      else
        taken_over
      end
    end

    # The text with a line for thruster-rs at its end.
    def appended
      "#{@text.sub(/\n*\z/, "\n")}\n# Runs the app and stands in front of it as its HTTP proxy [#{HOMEPAGE}]\ngem \"#{OURS}\"\n"
    end

    def to_s
      @text
    end

    protected
      # Replaces byte ranges by texts; the block names both for each declaration.
      def edit(declarations)
        bytes = @text.b
        declarations.flat_map { |declaration| yield declaration }.sort_by { |range, _| -range.begin }
          .each { |range, text| bytes[range] = text.b }
        bytes.force_encoding(@text.encoding)
      end

    private
      def declared(name)
        declarations.select { _1.name == name }
      end

      def declarations
        @declarations ||= Reader.new(@text).declarations
      end

      def unwanted(declaration)
        declaration.arguments.each_cons(2).filter_map do |before, argument|
          [ before.range.end...argument.range.end, "" ] if yield argument
        end
      end

      def dropped(name)
        self.class.new(edit(declared(name)) { |declaration| [ [ whole_lines(declaration.range), "" ] ] })
      end

      def taken_over
        changed = edit(declared(THEIRS)) do |declaration|
          name = declaration.arguments.first
          [ [ name.range, name.text.sub(THEIRS, OURS) ] ] + unwanted(declaration) do |argument|
            argument.option ? SOURCES.include?(argument.option[:key]) : true
          end
        end
        changed.gsub(COMMENT) { |comment| comment.gsub(%r{https://github\.com/basecamp/thruster/?}, HOMEPAGE) }
      end

      # With the indentation before it, its line's end, and the comment that Rails writes above it.
      def whole_lines(range)
        bytes = @text.b
        head = bytes[0...range.begin].sub(/[ \t]*\z/, "")
        tail = bytes[range.end..]
        return range unless (head.empty? || head.end_with?("\n")) && (ending = tail[/\A[ \t]*(?:#[^\n]*)?(?:\n|\z)/])

        head = head.sub(/#{COMMENT.source}\z/n, "")
        ending += tail[ending.bytesize..][/\A\n?/] if head.empty? || head.end_with?("\n\n")
        head.bytesize...(range.end + ending.bytesize)
      end

      # Finds the calls of `gem` among the tokens of Ruby code.
      class Reader
        OPENING = %i[on_lparen on_lbracket on_lbrace on_embexpr_beg].freeze
        CLOSING = %i[on_rparen on_rbracket on_rbrace on_embexpr_end].freeze
        BLANK = %i[on_sp on_ignored_nl on_comment].freeze
        Token = Struct.new(:kind, :text, :range)

        def initialize(text)
          starts = text.lines.inject([ 0 ]) { |offsets, line| offsets << offsets.last + line.bytesize }
          @tokens = Ripper.lex(text).map do |(line, column), kind, word|
            from = starts[line - 1] + column
            Token.new(kind, word, from...(from + word.bytesize))
          end
        end

        def declarations
          @tokens.each_index.filter_map { |index| declaration(index) if call?(index) }
        end

        private
          def call?(index)
            before = index.zero? ? nil : @tokens[index - 1]
            @tokens[index].kind == :on_ident && @tokens[index].text == "gem" && before&.kind != :on_period
          end

          def declaration(index)
            statement = statement(index + 1)
            arguments = arguments(statement)
            name = arguments.first&.text&.[](/\A["']([^"']+)["']\z/, 1)
            return unless name

            last = statement.rindex { |token| !BLANK.include?(token.kind) }
            Declaration.new(name, @tokens[index].range.begin...statement[last].range.end, arguments)
          end

          # The tokens up to the end of the line, or of the last line if it is continued.
          def statement(from)
            depth = 0
            significant = nil
            @tokens.drop(from).take_while do |token|
              depth += 1 if OPENING.include?(token.kind)
              depth -= 1 if CLOSING.include?(token.kind)
              ended = token.kind == :on_comment && depth.zero? && significant != :on_comma
              significant = token.kind unless BLANK.include?(token.kind)
              depth >= 0 && !ended && !(depth.zero? && %i[on_nl on_semicolon].include?(token.kind))
            end
          end

          def arguments(statement)
            inner = inside(statement.drop_while { BLANK.include?(_1.kind) })
            depth = 0
            groups = inner.slice_when do |before, after|
              depth += 1 if OPENING.include?(before.kind)
              depth -= 1 if CLOSING.include?(before.kind)
              depth.zero? && (before.kind == :on_comma || after.kind == :on_comma)
            end
            groups.filter_map { |group| argument(group) }
          end

          # What stands in the parentheses of the call, or before its modifier if it has none.
          def inside(tokens)
            return tokens.take_while { |token| !(token.kind == :on_kw && %w[if unless].include?(token.text)) } unless
              tokens.first&.kind == :on_lparen

            depth = 0
            tokens.take_while do |token|
              depth += 1 if OPENING.include?(token.kind)
              depth -= 1 if CLOSING.include?(token.kind)
              depth.positive?
            end.drop(1)
          end

          def argument(group)
            words = group.drop_while { BLANK.include?(_1.kind) }
            words = words[0..words.rindex { !BLANK.include?(_1.kind) }] unless words.empty?
            return if words.empty? || words.first.kind == :on_comma

            Argument.new(words.map(&:text).join, words.first.range.begin...words.last.range.end)
          end
      end
      private_constant :Reader
  end
end
