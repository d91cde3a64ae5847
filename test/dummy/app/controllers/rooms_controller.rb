# A page that listens and speaks through Action Cable.
class RoomsController < ApplicationController
  def show
  end
end
